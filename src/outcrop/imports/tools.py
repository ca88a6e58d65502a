"""What the steps of an import work with: the ports that they need and the limits that they keep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from outcrop.artifact import envelope
from outcrop.artifact.host import Host
from outcrop.artifact.manifest import Manifest, ManifestFile
from outcrop.ports import Clock, JobCatalog, KeyService, ModelCatalog, ObjectStore, Vault
from outcrop.records import ImportJob, JsonObject, ModelFacts, ServableModel


class ReadableArtifact(Protocol):
    """An artifact that was opened for reading, as the verify step needs it."""

    @property
    def manifest(self) -> Manifest:
        """The authenticated manifest."""
        ...

    async def open_file(self, file: ManifestFile) -> envelope.SealedFile:
        """Reads a file's header and derives its key."""
        ...

    async def read_run(self, file: ManifestFile, run: envelope.Run, sealed: envelope.SealedFile) -> bytearray:
        """Returns the plaintext of one run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTools:
    """Everything that the steps use; made once, by app.py."""

    jobs: JobCatalog
    models: ModelCatalog
    vault: Vault
    keys: KeyService
    clock: Clock
    open_source: Callable[[ImportJob], Awaitable[ObjectStore]]
    """Opens the store that the job's role may read."""
    open_artifact: Callable[[ServableModel], Awaitable[ReadableArtifact]]
    prove: Callable[[ServableModel, ModelFacts], Awaitable[JsonObject]]
    """Loads the model on the configured engine, generates, and returns the evidence. Raises ProofFailedError."""
    drain: Callable[[str], Awaitable[None]]
    """Unloads whatever copies of a model ARN are loaded."""
    host: Host
    """The engine and the machine that models are judged for."""
    random_bytes: Callable[[int], bytes]
    profile: str
    outage_s: float
    """How long a store may be away before an import fails."""
    runs_in_memory: asyncio.Semaphore
    """Places for runs of bytes on their way, shared by all imports of this process."""
