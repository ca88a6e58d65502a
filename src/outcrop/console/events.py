"""How far an import is, told as it goes on: server-sent events.

The format is that of https://html.spec.whatwg.org/multipage/server-sent-events.html: an event `progress` whenever
something has changed, and a comment when nothing did for a while, so that whatever lies between knows that we live.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from outcrop.console.progress import progress_of
from outcrop.errors import UnavailableError
from outcrop.imports.job import ENDED
from outcrop.ports import Clock, JobCatalog
from outcrop.records import ImportJob

EVENT_STREAM = "text/event-stream"
POLL_S = 0.5
SILENCE_S = 15.0
_STILL_THERE = b": still there\n\n"


async def job_events(jobs: JobCatalog, clock: Clock, job: ImportJob) -> AsyncIterator[bytes]:
    """Yields the job's progress now and after every change, until it has ended. Through outages it waits."""
    told: ImportJob | None = None
    told_at = clock.monotonic()
    while True:
        if job != told:
            yield _event(job, clock)
            told, told_at = job, clock.monotonic()
        elif clock.monotonic() - told_at >= SILENCE_S:
            yield _STILL_THERE
            told_at = clock.monotonic()
        if job.stage in ENDED:
            return
        await clock.sleep(POLL_S)
        try:
            job = await jobs.get(None, job.id)
        except UnavailableError:
            continue


def _event(job: ImportJob, clock: Clock) -> bytes:
    return f"event: progress\ndata: {json.dumps(progress_of(job, clock.now()))}\n\n".encode()
