"""An engine that somebody else runs, at a URL. It holds what it holds: the model's files are not sent to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import urlsplit

from outcrop.adapters.engine_http import EngineHttp
from outcrop.errors import EngineError, ModelFailedError
from outcrop.ports import RunningEngine
from outcrop.records import ArtifactRef, JsonObject
from outcrop.serving.capabilities import Capabilities, Feature

CAPABILITIES = Capabilities(
    engine="OpenAI API",
    features=frozenset(
        {
            Feature.LOGPROBS,
            Feature.RESPONSE_FORMAT,
            Feature.SEVERAL_CHOICES,
            Feature.PENALTIES,
            Feature.LOGIT_BIAS,
            Feature.SEED,
            Feature.TOOLS,
            Feature.TOOL_CHOICE,
            Feature.IMAGES,
        }
    ),
)
"""What OpenAI's own reference documents; give another engine's where more is known."""


class RemoteEngine:
    """Gives the engine at a URL, whatever folder is to be loaded."""

    def __init__(self, url: str, *, request_timeout_s: float = 300.0) -> None:
        """Keeps where the engine is.

        Args:
            url: its address, with or without OpenAI's `/v1`.
            request_timeout_s: how long a request may take, in seconds.
        """
        self._url = url.rstrip("/").removesuffix("/v1")
        self._request_timeout_s = request_timeout_s

    async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> RunningEngine:
        """Returns once the engine says which model it serves. Raises EngineError."""
        del folder, artifact
        http = EngineHttp(self._url, label=label, request_timeout_s=self._request_timeout_s)
        try:
            model = _first_model(await http.get("/v1/models"))
        except ModelFailedError as error:
            await http.close()
            raise EngineError(f"the engine lists no models: {error.message}") from error
        except BaseException:
            await http.close()
            raise
        # The host alone: a URL may hold a password.
        return RemoteRunningEngine(http, model=model, description=f"OpenAI API at {urlsplit(self._url).hostname}")


class RemoteRunningEngine:
    """A connection to an engine that somebody else runs."""

    def __init__(self, http: EngineHttp, *, model: str, description: str) -> None:
        self._http = http
        self._model = model
        self._description = description
        self._is_open = True

    @property
    def description(self) -> str:
        """Where the engine is."""
        return self._description

    @property
    def is_alive(self) -> bool:
        """Whether the connection was not closed; what became of the engine, the next request will tell."""
        return self._is_open

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        if not self._is_open:
            raise EngineError("the connection to the engine was closed")
        return await self._http.post(path, {**body, "model": self._model})

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Sends a request and yields the chunks of its reply. Raises as `post` does."""
        if not self._is_open:
            raise EngineError("the connection to the engine was closed")
        async with aclosing(self._http.stream(path, {**body, "model": self._model})) as chunks:
            async for chunk in chunks:
                yield chunk

    async def stop(self) -> None:
        """Closes the connections; the engine goes on."""
        self._is_open = False
        await self._http.close()


def _first_model(document: JsonObject) -> str:
    data = document.get("data")
    first = data[0] if isinstance(data, list) and data else None
    name = first.get("id") if isinstance(first, dict) else None
    if not isinstance(name, str):
        raise EngineError("the engine lists no models")
    return name
