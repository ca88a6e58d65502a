"""Talks to an engine's OpenAI HTTP API, and turns whatever goes wrong into errors of Outcrop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from outcrop.errors import EngineError, ModelFailedError, ModelTimeoutError, OutcropError
from outcrop.records import JsonObject, JsonValue

CONNECT_S = 5.0
KEEP_CONNECTION_S = 2.0
"""uvicorn, under both engines, closes a quiet connection after 5 s: ours goes first, so none is used as it closes."""
MAX_CONNECTIONS = 1000
"""No fewer than the requests that a fleet lets wait."""
MESSAGE_CHARACTERS = 1000
"""How much of what an engine says about a refusal is passed on."""


class EngineHttp:
    """A pool of connections to one engine."""

    def __init__(
        self, url: str, *, label: str, request_timeout_s: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._label = label
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=httpx.Timeout(request_timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_CONNECTIONS,
                keepalive_expiry=KEEP_CONNECTION_S,
            ),
            trust_env=False,  # a proxy must not see prompts, nor stand between us and loopback
            verify=url.startswith("https:"),  # plain HTTP is spared 50 ms of reading certificates
        )

    async def is_healthy(self) -> bool:
        """Says whether the engine answers that it is ready."""
        try:
            return (await self._client.get("/health", timeout=CONNECT_S)).is_success
        except httpx.RequestError:
            return False

    async def get(self, path: str) -> JsonObject:
        """Reads a document. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        return await self._exchange("GET", path, None)

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        return await self._exchange("POST", path, json.dumps(body).encode())

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def _exchange(self, method: str, path: str, content: bytes | None) -> JsonObject:
        headers = {} if content is None else {"content-type": "application/json"}
        try:
            response = await self._client.request(method, path, content=content, headers=headers)
        except httpx.RequestError as error:
            raise translated(error) from error
        if response.is_success:
            return _document(response)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            raise EngineError(f"the engine answered with status {response.status_code}")
        raise ModelFailedError(_refusal(response), original_status=response.status_code, resource_name=self._label)


def translated(error: httpx.RequestError) -> OutcropError:
    """Returns what an error of the transport means to us."""
    match error:
        case httpx.ReadTimeout() | httpx.WriteTimeout() | httpx.PoolTimeout():
            return ModelTimeoutError("The model did not answer in time.")
        case _:
            return EngineError(f"the engine cannot be talked to: {type(error).__name__}")


def _document(response: httpx.Response) -> JsonObject:
    try:
        document: JsonValue = json.loads(response.content)
    except ValueError as error:
        raise EngineError("the engine answered with something other than JSON") from error
    if not isinstance(document, Mapping):
        raise EngineError("the engine answered with something other than a JSON object")
    return document


def _refusal(response: httpx.Response) -> str:
    """Returns what the engine says about a refusal; of its own faults only that it failed, since callers read this."""
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"The model failed on this request; the engine answered with status {response.status_code}."
    try:
        document: JsonValue = json.loads(response.content)
    except ValueError:
        document = response.text
    return f"The model refused this request: {_said(document)[:MESSAGE_CHARACTERS]}"


def _said(document: JsonValue) -> str:
    """Returns the words of an error document: OpenAI's `error.message`, vLLM's older `message`, FastAPI's `detail`."""
    found = document
    for member in ("error", "message", "detail"):
        if isinstance(found, Mapping) and member in found:
            found = found[member]
    return found if isinstance(found, str) else json.dumps(found)
