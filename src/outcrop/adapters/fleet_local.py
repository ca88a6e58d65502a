"""Runs copies of models on this machine: opens an artifact into memory, and starts an engine on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from outcrop.adapters.memory_files import MemoryFiles
from outcrop.crash_points import CrashPoint, reached
from outcrop.ports import Engine, RunningEngine, WriteAt
from outcrop.records import ServableModel


class OpenedArtifact(Protocol):
    """An artifact that can be read: serving/unsealing.py has the real one."""

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path within the model, and plaintext size in bytes, of each file."""
        ...

    async def unseal(self, path: str, write: WriteAt) -> None:
        """Writes a whole file, from several threads."""
        ...


class LocalHost:
    """The CopyHost of one machine."""

    def __init__(
        self,
        *,
        engine: Engine,
        memory: MemoryFiles,
        open_artifact: Callable[[ServableModel], Awaitable[OpenedArtifact]],
    ) -> None:
        self._engine = engine
        self._memory = memory
        self._open_artifact = open_artifact

    async def start(self, model: ServableModel) -> RunningEngine:
        """Loads a copy, and frees the plaintext as soon as the engine has it.

        Raises:
            EngineError, IntegrityError, KeyUnavailableError, StorageError, UnavailableError: the copy was not loaded,
                and nothing of it is left.
        """
        artifact = await self._open_artifact(model)
        running: RunningEngine | None = None
        try:
            async with self._memory.folder(artifact.files, artifact.unseal) as folder:
                reached(CrashPoint.WEIGHTS_IN_MEMORY)
                running = await self._engine.start(str(folder), label=model.arn, artifact=model.artifact)
        except BaseException:
            # Also when we are cancelled while the folder is being freed: nobody would know of the engine.
            if running is not None:
                await asyncio.shield(running.stop())
            raise
        return running
