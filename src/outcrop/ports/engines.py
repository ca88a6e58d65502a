"""What runs models."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from outcrop.records import (
    ArtifactRef,
    JsonObject,
    ServableModel,
)


class RunningEngine(Protocol):
    """An inference engine that holds one model and speaks the OpenAI HTTP API."""

    @property
    def description(self) -> str:
        """Engine and version, for evidence and logs."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the engine still runs."""
        ...

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        ...

    def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Sends a request and yields the chunks of its reply as they come; closing it early frees the engine.

        The last chunks tell the finish reason of each choice and the usage. Raises as `post` does, at any chunk.
        """
        ...

    async def stop(self) -> None:
        """Ends the engine and frees what it holds; does nothing the second time."""
        ...


class Engine(Protocol):
    """Something that can start an engine on a folder of plaintext files."""

    async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> RunningEngine:
        """Returns once the engine has loaded the folder; it no longer needs it then. Raises EngineError.

        Args:
            folder: plaintext files.
            label: what errors and logs call the model.
            artifact: what the folder is the plaintext of; what is compiled for it may be kept, and used again.
        """
        ...


class CopyHost(Protocol):
    """A place where copies of models run: this machine, or a cluster of them."""

    async def start(self, model: ServableModel) -> RunningEngine:
        """Loads a copy. Raises EngineError, IntegrityError, KeyUnavailableError, StorageError, UnavailableError."""
        ...
