"""One look at a job for all who watch it: however many there are, the catalog is asked once a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from outcrop.ports import Clock, JobCatalog
from outcrop.records import ImportJob

TICK_S = 0.5


@dataclass(slots=True, eq=False, kw_only=True)
class _Seen:
    job: ImportJob
    at: float
    watchers: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sight:
    """What was last seen of each job that is watched."""

    def __init__(self, jobs: JobCatalog, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    @property
    def watchers(self) -> int:
        """How many watch, of all jobs."""
        return sum(seen.watchers for seen in self._seen.values())

    @contextmanager
    def watching(self, job: ImportJob) -> Iterator[None]:
        """Counts a watcher in, who has just read the job, and out again."""
        seen = self._seen.setdefault(job.id, _Seen(job=job, at=self._clock.monotonic()))
        seen.watchers += 1
        try:
            yield
        finally:
            seen.watchers -= 1
            if seen.watchers == 0:
                del self._seen[job.id]

    async def look(self, job_id: str) -> ImportJob:
        """Returns a watched job as it was within the last tick. Raises UnavailableError to the one who asked."""
        seen = self._seen[job_id]
        async with seen.turn:
            if self._clock.monotonic() - seen.at >= TICK_S:
                # Before the answer, so that where none comes the others do not ask again within the tick.
                seen.at = self._clock.monotonic()
                seen.job = await self._jobs.get(None, job_id)
        return seen.job
