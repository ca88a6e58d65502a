"""How far a stage is: bytes counted as they are done, told to the catalog a few times a second; and how fast it goes.

A rate is made of what was told of the last `WINDOW_S` seconds, by whichever worker: a stage that stalls is slow within
seconds, and one of which nothing was told for so long has no rate, and no time left.
"""

from __future__ import annotations

from datetime import datetime

from outcrop.ports import Clock, JobCatalog
from outcrop.records import ImportJob, JobNote, Progress

TELL_EVERY_S = 0.25
WINDOW_S = 15.0
SHORTEST_S = 1.0
"""Bytes of less time than this say nothing of the next minute."""


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
            self._job.id,
            JobNote(bytes_done=self._done, bytes_total=self._total, counted_at=self._clock.now()),
            fence=self._job.fence,
        )


def bytes_per_s(progress: Progress, now: datetime) -> float | None:
    """Returns the rate of the stage over the last seconds; None where nothing recent is known of it."""
    recent = [mark for mark in progress.marks if (now - mark.at).total_seconds() <= WINDOW_S]
    if not recent:
        return None
    seconds = (now - recent[0].at).total_seconds()
    return None if seconds < SHORTEST_S else (progress.bytes_done - recent[0].bytes_done) / seconds


def seconds_left(progress: Progress, now: datetime) -> float | None:
    """Returns how long the stage takes at its present rate; None where it has none, or stands still."""
    rate = bytes_per_s(progress, now)
    return None if not rate else max(0, progress.bytes_total - progress.bytes_done) / rate
