"""How far a stage is: bytes counted as they are done, told to the catalog a few times a second."""

from __future__ import annotations

from outcrop.ports import Clock, JobCatalog
from outcrop.records import ImportJob, JobNote

TELL_EVERY_S = 0.25


class ByteCounter:
    """Counts the bytes of one stage and tells the catalog, at most every quarter of a second."""

    def __init__(self, *, jobs: JobCatalog, clock: Clock, job: ImportJob, done: int, total: int) -> None:
        self._jobs = jobs
        self._clock = clock
        self._job = job
        self._done = done
        self._total = total
        self._told_at = clock.monotonic() - TELL_EVERY_S

    async def add(self, count: int) -> None:
        """Counts bytes that are done."""
        self._done += count
        now = self._clock.monotonic()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            await self.tell()

    async def tell(self) -> None:
        """Tells the catalog now."""
        await self._jobs.record(
            self._job.id, JobNote(bytes_done=self._done, bytes_total=self._total), fence=self._job.fence
        )
