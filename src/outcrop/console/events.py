"""How far an import is, told as it goes on: server-sent events.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html:

    retry: 1000                      how soon to come back when the connection breaks, in milliseconds
    event: progress                  whenever something has changed; `id` names what is told
    event: end                       the last one, once the job has ended; then the connection is closed
    : still there                    when nothing changed for a while, so that whatever lies between knows that we live

Each event tells everything, so who comes back needs the present state only, and not even that where the `Last-Event-ID`
names it: ids are made from what a job is, not from who told it, and mean the same at every server and after a restart.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from outcrop.console.progress import progress_of
from outcrop.console.sight import TICK_S, Sight
from outcrop.errors import UnavailableError
from outcrop.imports.job import ENDED
from outcrop.imports.progress import bytes_per_s
from outcrop.ports import Clock
from outcrop.records import ImportJob

EVENT_STREAM = "text/event-stream"
SILENCE_S = 15.0
RETRY_MS = 1000
_RETRY = f"retry: {RETRY_MS}\n\n".encode()
_STILL_THERE = b": still there\n\n"


def event_id(job: ImportJob) -> str:
    """Returns the name of what an event tells of a job: its runs, its stages, and the bytes of the last one."""
    report = "r" if job.report is not None else ""
    return f"{job.id}-{job.fence}-{len(job.progress.entries)}-{job.progress.bytes_done}{report}"


def knows_the_end(job: ImportJob, last_event_id: str | None) -> bool:
    """Says whether who comes back was told the end: nothing will ever follow."""
    return job.stage in ENDED and last_event_id == event_id(job)


async def job_events(
    sight: Sight, clock: Clock, job: ImportJob, *, last_event_id: str | None = None
) -> AsyncIterator[bytes]:
    """Yields the job's progress, now and after every change, until it has ended. Through outages it waits."""
    yield _RETRY
    told, told_at = (last_event_id, _has_rate(job, clock)), clock.monotonic()
    with sight.watching(job):
        while True:
            # A rate that is over is news too: a stage that stands still must not look fast for ever.
            present = (event_id(job), _has_rate(job, clock))
            if present != told:
                yield _event(job, clock)
                told, told_at = present, clock.monotonic()
            elif clock.monotonic() - told_at >= SILENCE_S:
                yield _STILL_THERE
                told_at = clock.monotonic()
            if job.stage in ENDED:
                return
            await clock.sleep(TICK_S)
            try:
                job = await sight.look(job.id)
            except UnavailableError:
                continue


def _has_rate(job: ImportJob, clock: Clock) -> bool:
    return bytes_per_s(job.progress, clock.now()) is not None


def _event(job: ImportJob, clock: Clock) -> bytes:
    name = "end" if job.stage in ENDED else "progress"
    return f"id: {event_id(job)}\nevent: {name}\ndata: {json.dumps(progress_of(job, clock.now()))}\n\n".encode()
