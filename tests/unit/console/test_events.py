"""The progress of an import as server-sent events."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.samples import sample_job

from outcrop.adapters.event_source import ServerSentEvent, read_events
from outcrop.arn import Tenant
from outcrop.console.events import SILENCE_S, event_id, job_events, knows_the_end
from outcrop.console.sight import TICK_S, Sight
from outcrop.errors import UnavailableError
from outcrop.imports.job import ALLOWED_FROM
from outcrop.imports.progress import WINDOW_S
from outcrop.records import ImportJob, JobNote, Stage
from outcrop.testing.catalog import FakeCatalog, FakeJobCatalog
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

HEARTBEAT = b": still there\n\n"


class Counted(FakeJobCatalog):
    """A catalog that counts how often it is asked for a job, and is away when it is told to be."""

    def __init__(self, catalog: FakeCatalog) -> None:
        super().__init__(catalog)
        self.asked = 0
        self.is_away = False

    async def get(self, tenant: Tenant | None, identifier: str, *, with_report: bool = True) -> ImportJob:
        """Returns a job. Raises UnavailableError."""
        self.asked += 1
        if self.is_away:
            raise UnavailableError("the catalog", "test")
        return await super().get(tenant, identifier, with_report=with_report)


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves when somebody waits."""
    return FakeClock()


@pytest.fixture
async def jobs() -> Counted:
    """A catalog with the sample job, which begins in Queued."""
    made = Counted(FakeCatalog())
    await made.create(sample_job())
    return made


def parsed(chunk: bytes) -> ServerSentEvent:
    """The one event of a chunk, as a client reads it."""
    found = list(read_events(chunk.splitlines(keepends=True)))
    assert len(found) == 1, chunk
    return found[0]


async def events_of(
    jobs: Counted, clock: FakeClock, job: ImportJob | None = None, last: str | None = None
) -> AsyncIterator[bytes]:
    """The events of a job, after the line that says how soon to come back."""
    events = job_events(Sight(jobs, clock), clock, job or sample_job(), last_event_id=last)
    assert (await anext(events)).startswith(b"retry: ")
    async for event in events:
        yield event


async def go_on(jobs: Counted, clock: FakeClock, step: int) -> None:
    """What happens to the job after each event."""
    job_id = sample_job().id
    if step == 1:
        await jobs.move(job_id, Stage.PLAN, allowed_from=ALLOWED_FROM[Stage.PLAN], at=clock.now())
    elif step == 2:
        await jobs.record(job_id, JobNote(bytes_done=7))
    elif step == 3:
        allowed_from = ALLOWED_FROM[Stage.FAILED]
        await jobs.move(job_id, Stage.FAILED, allowed_from=allowed_from, at=clock.now(), failure_message="why")


async def test_every_change_is_told_until_the_end(jobs: Counted, clock: FakeClock) -> None:
    """The state at the beginning, each stage, each count of bytes, each under an id of its own; the last is `end`."""
    told = []

    async for chunk in events_of(jobs, clock):
        told.append(parsed(chunk))
        await go_on(jobs, clock, len(told))

    states = [json.loads(event.data) for event in told]
    assert [(each["stage"], each["bytesDone"]) for each in states] == [
        ("Queued", 0),
        ("Plan", 0),
        ("Plan", 7),
        ("Failed", 0),
    ]
    assert states[-1]["failureMessage"] == "why"
    assert [event.name for event in told] == ["progress", "progress", "progress", "end"]
    assert len({event.last_id for event in told}) == len(told)


async def test_who_comes_back_is_told_what_is_new(jobs: Counted, clock: FakeClock) -> None:
    """Nothing where nothing changed meanwhile; the present state where something did, or the id means nothing."""
    job = sample_job()
    same = events_of(jobs, clock, last=event_id(job))
    assert await anext(same) == HEARTBEAT

    await go_on(jobs, clock, 1)
    moved = await jobs.get(None, job.id)
    for last in (event_id(job), "nonsense", ""):
        assert json.loads(parsed(await anext(events_of(jobs, clock, moved, last))).data)["stage"] == "Plan"


async def test_the_end_is_told_once(jobs: Counted, clock: FakeClock) -> None:
    """Who knows it is told that nothing follows; who does not gets it, and the stream is over."""
    await go_on(jobs, clock, 1)
    before = event_id(await jobs.get(None, sample_job().id))
    await go_on(jobs, clock, 3)
    ended = await jobs.get(None, sample_job().id)

    told = [parsed(chunk) async for chunk in events_of(jobs, clock, ended, before)]

    assert [event.name for event in told] == ["end"]
    assert knows_the_end(ended, told[0].last_id)
    assert not knows_the_end(ended, before)
    assert not knows_the_end(sample_job(), event_id(sample_job()))


async def test_silence_is_broken_by_a_comment(jobs: Counted, clock: FakeClock) -> None:
    """Proxies cut connections on which nothing is said."""
    events = events_of(jobs, clock)
    await anext(events)
    began = clock.monotonic()

    assert await anext(events) == HEARTBEAT
    assert SILENCE_S <= clock.monotonic() - began <= SILENCE_S + TICK_S


async def test_a_rate_that_is_over_is_told(jobs: Counted, clock: FakeClock) -> None:
    """A stage that stands still must not look fast for ever."""
    await jobs.record(sample_job().id, JobNote(bytes_done=0, counted_at=clock.now()))
    clock.advance(1)
    await jobs.record(sample_job().id, JobNote(bytes_done=100, bytes_total=200, counted_at=clock.now()))
    events = events_of(jobs, clock, await jobs.get(None, sample_job().id))

    rates = [json.loads(parsed(await anext(events)).data)["bytesPerSecond"]]
    began = clock.monotonic()
    while (chunk := await anext(events)) == HEARTBEAT:
        pass
    rates.append(json.loads(parsed(chunk).data)["bytesPerSecond"])

    assert rates == [100, None]
    assert clock.monotonic() - began <= WINDOW_S + 2 * TICK_S


async def test_many_watchers_cost_one_query_a_tick(jobs: Counted, clock: FakeClock) -> None:
    """All of one job look at the same answer; when the last has left, nothing of the job is kept."""
    sight = Sight(jobs, clock)
    watching = [job_events(sight, clock, sample_job()) for _ in range(50)]
    for events in watching:
        await anext(events)
        await anext(events)
    assert (sight.watchers, jobs.asked) == (50, 0)

    clock.advance(TICK_S)
    for _ in watching:
        await sight.look(sample_job().id)
    assert jobs.asked == 1

    for events in watching:
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert sight.watchers == 0
    assert sight._seen == {}


async def test_an_outage_of_the_catalog_is_waited_for(jobs: Counted, clock: FakeClock) -> None:
    """The stream goes on where it was; and however many watch, a catalog that is away is asked once a tick."""
    sight = Sight(jobs, clock)
    events = job_events(sight, clock, sample_job())
    await anext(events)
    await anext(events)
    jobs.is_away = True
    assert await anext(events) == HEARTBEAT
    clock.advance(TICK_S)
    asked = jobs.asked
    with pytest.raises(UnavailableError):
        await sight.look(sample_job().id)
    assert (await sight.look(sample_job().id), jobs.asked) == (sample_job(), asked + 1)
    jobs.is_away = False
    await go_on(jobs, clock, 1)

    assert json.loads(parsed(await anext(events)).data)["stage"] == "Plan"


def test_ids_mean_the_same_after_a_restart() -> None:
    """They are made from the job alone, and change with its bytes, its stages and its report."""
    job = sample_job()
    counted = replace(job, progress=job.progress.counted(1, None))

    assert event_id(job) == event_id(sample_job())
    others = {event_id(counted), event_id(replace(job, report={})), event_id(replace(job, fence=7)), event_id(job)}
    assert len(others) == 4
