"""The progress of an import as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.samples import sample_job

from outcrop.console.events import POLL_S, SILENCE_S, job_events
from outcrop.errors import UnavailableError
from outcrop.imports.job import ALLOWED_FROM
from outcrop.records import ImportJob, JobNote, Stage
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


def progress(event: bytes) -> dict[str, Any]:
    """What an event tells."""
    name, data, *rest = event.decode().split("\n")
    assert (name, rest) == ("event: progress", ["", ""])
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return found


async def events_of(catalog: FakeCatalog, clock: FakeClock) -> AsyncIterator[bytes]:
    """The events of the sample job, which begins in Queued."""
    async for event in job_events(catalog.jobs, clock, sample_job()):
        yield event


async def test_every_change_is_told_until_the_end() -> None:
    """The state at the beginning, each stage, each count of bytes; then the stream ends."""
    catalog, clock = FakeCatalog(), FakeClock()
    job = sample_job()
    await catalog.jobs.create(job)
    told = []

    async for event in events_of(catalog, clock):
        told.append(progress(event))
        await _go_on(catalog, clock, len(told))

    assert [(each["stage"], each["bytesDone"]) for each in told] == [
        ("Queued", 0),
        ("Plan", 0),
        ("Plan", 7),
        ("Failed", 0),
    ]
    assert told[-1]["failureMessage"] == "why"


async def _go_on(catalog: FakeCatalog, clock: FakeClock, step: int) -> None:
    job_id = sample_job().id
    if step == 1:
        await catalog.jobs.move(job_id, Stage.PLAN, allowed_from=ALLOWED_FROM[Stage.PLAN], at=clock.now())
    elif step == 2:
        await catalog.jobs.record(job_id, JobNote(bytes_done=7))
    elif step == 3:
        allowed_from = ALLOWED_FROM[Stage.FAILED]
        await catalog.jobs.move(job_id, Stage.FAILED, allowed_from=allowed_from, at=clock.now(), failure_message="why")


async def test_silence_is_broken_by_a_comment() -> None:
    """Proxies cut connections on which nothing is said."""
    catalog, clock = FakeCatalog(), FakeClock()
    await catalog.jobs.create(sample_job())
    events = events_of(catalog, clock)
    await anext(events)
    began = clock.monotonic()

    assert await anext(events) == b": still there\n\n"
    assert SILENCE_S <= clock.monotonic() - began <= SILENCE_S + POLL_S


async def test_an_outage_of_the_catalog_is_waited_for() -> None:
    """The stream goes on where it was."""

    class Flaky:
        def __init__(self, catalog: FakeCatalog) -> None:
            self._catalog = catalog
            self.refusals = 3

        async def get(self, tenant: None, identifier: str) -> ImportJob:
            if self.refusals:
                self.refusals -= 1
                raise UnavailableError("the catalog", "test")
            return await self._catalog.jobs.get(tenant, identifier)

    catalog, clock = FakeCatalog(), FakeClock()
    await catalog.jobs.create(sample_job())
    events = job_events(Flaky(catalog), clock, sample_job())  # type: ignore[arg-type]  # only this is called
    await anext(events)
    await _go_on(catalog, clock, 1)

    assert progress(await anext(events))["stage"] == "Plan"
