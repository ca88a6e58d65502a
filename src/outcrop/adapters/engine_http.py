"""Talks to an engine's OpenAI HTTP API, and turns whatever goes wrong into errors of Outcrop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus

import aiohttp

from outcrop.adapters.engine_events import DONE, EventLines
from outcrop.errors import EngineError, ModelFailedError, ModelTimeoutError, OutcropError
from outcrop.records import JsonObject, JsonValue

CONNECT_S = 5.0
KEEP_CONNECTION_S = 2.0
"""uvicorn, under both engines, closes a quiet connection after 5 s: ours goes first, so none is used as it closes."""
END_S = 1.0
"""How long an engine may take to end a reply whose last event it has sent."""
MAX_CONNECTIONS = 1000
"""No fewer than the requests that a fleet lets wait."""
JSON_HEADERS = {"content-type": "application/json"}
FAILED_STATUS = 500
"""What a failure counts as that has no status, since it came in the middle of a reply."""
MESSAGE_CHARACTERS = 1000
"""How much of what an engine says about a refusal is passed on."""


class EngineHttp:
    """A pool of connections to one engine. Made, used and closed on one event loop."""

    def __init__(self, url: str, *, label: str, request_timeout_s: float) -> None:
        self._url = url
        self._label = label
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_CONNECTION_S),
            # Of each wait for bytes, not of the whole reply: a long one may take its time.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=request_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("accept-encoding", "user-agent"),
            trust_env=False,  # a proxy must not see prompts, nor stand between us and loopback
        )

    async def is_healthy(self) -> bool:
        """Says whether the engine answers that it is ready."""
        try:
            async with asyncio.timeout(CONNECT_S), self._asked("GET", "/health") as response:
                return _is_success(response)
        except (TimeoutError, aiohttp.ClientError):
            return False

    async def get(self, path: str) -> JsonObject:
        """Reads a document. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        return await self._exchange("GET", path, None)

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        return await self._exchange("POST", path, json.dumps(body).encode())

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Sends a request and yields the chunks of its reply, usage included; closing it closes the connection.

        Raises:
            ModelFailedError: the engine refuses the request, or says in the middle of its reply that it failed.
            ModelTimeoutError: a chunk does not come in time.
            EngineError: the engine went away, or sends what is not of the API.
        """
        content = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
        try:
            async with self._asked("POST", path, content) as response:
                if not _is_success(response):
                    raise self._refused(response.status, await response.read())
                lines, pieces = EventLines(), response.content
                while piece := await pieces.readany():
                    for data in lines.feed(piece):
                        if data == DONE:
                            await _read_out(pieces)
                            return
                        yield self._chunk(data)
        except aiohttp.ClientError as error:
            raise translated(error) from error

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.close()

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, content: bytes | None = None
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Sends a request; leaving the context before the reply is read to its end closes the connection.

        uvicorn closes a connection after an answer of 500. One that is taken from the pool as that happens is given up
        for another, once; an engine that has died refuses the second.
        """
        headers = {} if content is None else JSON_HEADERS
        send = partial(
            self._client.request, method, self._url + path, data=content, headers=headers, allow_redirects=False
        )
        try:
            response = await send()
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            response = await send()
        async with response:
            yield response

    async def _exchange(self, method: str, path: str, content: bytes | None) -> JsonObject:
        try:
            async with self._asked(method, path, content) as response:
                said = await response.read()
        except aiohttp.ClientError as error:
            raise translated(error) from error
        if _is_success(response):
            return _document(said)
        raise self._refused(response.status, said)

    def _refused(self, status: int, said: bytes) -> OutcropError:
        if status < HTTPStatus.BAD_REQUEST:
            return EngineError(f"the engine answered with status {status}")
        return self._failed(status, _document_or_text(said))

    def _failed(self, status: int, said: JsonValue) -> ModelFailedError:
        """Returns what the engine says about a refusal; of its own faults only that it failed: callers read this."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"The model failed on this request; the engine answered with status {status}."
        else:
            message = f"The model refused this request: {_said(said)[:MESSAGE_CHARACTERS]}"
        return ModelFailedError(message, original_status=status, resource_name=self._label)

    def _chunk(self, data: bytes) -> JsonObject:
        """Returns a chunk. Raises ModelFailedError for one that tells of a failure."""
        chunk = _document(data)
        if "error" not in chunk:
            return chunk
        error = chunk["error"]
        code = error.get("code") if isinstance(error, Mapping) else None
        is_refusal = isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR
        raise self._failed(code if is_refusal and isinstance(code, int) else FAILED_STATUS, chunk)


async def _read_out(pieces: aiohttp.StreamReader) -> None:
    """Reads the end of a reply, so that its connection can be used again; one that does not end is given up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            while await pieces.readany():
                pass


def _is_success(response: aiohttp.ClientResponse) -> bool:
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def translated(error: aiohttp.ClientError) -> OutcropError:
    """Returns what an error of the transport means to us."""
    match error:
        case aiohttp.SocketTimeoutError():
            return ModelTimeoutError("The model did not answer in time.")
        case _:
            return EngineError(f"the engine cannot be talked to: {type(error).__name__}")


def _document(content: bytes) -> JsonObject:
    try:
        document: JsonValue = json.loads(content)
    except ValueError as error:
        raise EngineError("the engine answered with something other than JSON") from error
    if not isinstance(document, Mapping):
        raise EngineError("the engine answered with something other than a JSON object")
    return document


def _document_or_text(content: bytes) -> JsonValue:
    try:
        document: JsonValue = json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
    return document


def _said(document: JsonValue) -> str:
    """Returns the words of an error document: OpenAI's `error.message`, vLLM's older `message`, FastAPI's `detail`."""
    found = document
    for member in ("error", "message", "detail"):
        if isinstance(found, Mapping) and member in found:
            found = found[member]
    return found if isinstance(found, str) else json.dumps(found)
