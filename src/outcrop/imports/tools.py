"""What the steps of an import work with: the ports that they need and the limits that they keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from outcrop.artifact.host import Host
from outcrop.ports import (
    ArtifactCatalog,
    Clock,
    CopyJournal,
    JobCatalog,
    JobClaims,
    KeyService,
    Meter,
    ModelCatalog,
    ObjectStore,
    Unmetered,
    Vault,
    VaultStaging,
)
from outcrop.records import ImportJob, JsonObject, ModelFacts, ServableModel


async def _nothing_to_close(_job: ImportJob) -> None:
    """Of stores that all jobs share."""


def _no_access(_job: ImportJob) -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTools:
    """Everything that the steps use; made once, by app.py."""

    jobs: JobCatalog
    claims: JobClaims
    models: ModelCatalog
    artifacts: ArtifactCatalog
    vault: Vault
    staging: VaultStaging
    """The same vault, as large files come into it."""
    journal: CopyJournal
    keys_of: Callable[[ImportJob], KeyService]
    """The keys as the job's network reaches them. Raises NetworkUnknownError."""
    clock: Clock
    open_source: Callable[[ImportJob], Awaitable[ObjectStore]]
    """Opens the store that the job's role may read; the same one until it is closed."""
    close_source: Callable[[ImportJob], Awaitable[None]] = _nothing_to_close
    """Ends what was opened for a run of a job, which its fence tells from others."""
    lend_source: Callable[[ImportJob], AbstractAsyncContextManager[ObjectStore]] | None = None
    """Opens a store for a share of a job, which may be another worker's; None: the job's own does."""
    access: Callable[[ImportJob], JsonObject] = _no_access
    """Tells what the source is read with: the member `access` of the report (docs/report.md)."""
    prove: Callable[[ServableModel, ModelFacts], Awaitable[JsonObject]]
    """Loads the model on the configured engine, generates, and returns the evidence. Raises ProofFailedError."""
    retire: Callable[[str], Awaitable[None]]
    """Unloads whatever copies of a model ARN are loaded, and lets no new one be loaded."""
    host: Host
    """The engine and the machine that models are judged for."""
    random_bytes: Callable[[int], bytes]
    profile: str
    share_bytes: int
    """An import that is larger than this is copied in shares of this size, by whichever workers are free."""
    worker: str
    """What this process is called in progress and messages."""
    most_attempts: int
    """How often a stage may be begun before the job fails: what ends its worker each time ends every worker."""
    outage_s: float
    """How long a store may be away before an import fails."""
    runs_in_memory: asyncio.Semaphore
    """Places for parts and runs of bytes on their way, shared by all imports of this process."""
    meter: Meter = field(default_factory=Unmetered)
    """What is told of bytes, stages and ends."""

    @asynccontextmanager
    async def lent_source(self, job: ImportJob) -> AsyncIterator[ObjectStore]:
        """Gives the store that the job's role may read, for as long as the context."""
        if self.lend_source is None:
            yield await self.open_source(job)
            return
        async with self.lend_source(job) as store:
            yield store
