"""What every JobEngine does: the fake, and DBOS on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from outcrop.adapters import jobs_dbos, postgres
from outcrop.adapters.executors import Executors
from outcrop.adapters.jobs_dbos import DbosJobEngine, Limits
from outcrop.ports import JobEngine, RunShares, RunStep, Share, Workflow
from outcrop.records import JsonValue
from outcrop.testing.jobs import FakeJobEngine

pytestmark = pytest.mark.anyio


class Open(Protocol):
    """Opens an engine on the same records, as a new process would."""

    def __call__(self, workflow: Workflow, share: Share = ..., *, is_worker: bool = True) -> JobEngine:
        """Opens it."""
        ...


DEADLINE_S = 120
WATCH_S = 0.2


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def open_engine(request: pytest.FixtureRequest) -> Open:
    """Opens an engine on the same records, as a new process would."""
    if request.param != "fake":
        url = request.getfixturevalue(f"{request.param}_url")

        def open_dbos(workflow: Workflow, share: Share = no_share, *, is_worker: bool = True) -> JobEngine:
            return DbosJobEngine(
                url=url, workflow=workflow, share=share, limits=Limits(here=1), is_worker=is_worker, watch_s=WATCH_S
            )

        return open_dbos
    kept: list[FakeJobEngine] = []

    def open_fake(workflow: Workflow, share: Share = no_share, *, is_worker: bool = True) -> JobEngine:
        assert is_worker
        engine = FakeJobEngine(workflow, share)
        if kept:
            engine._records, engine._ended = kept[0]._records, kept[0]._ended
        kept.append(engine)
        return engine

    return open_fake


async def no_share(_job_id: str, _share: JsonValue) -> JsonValue:
    """For jobs that are not divided."""
    raise AssertionError("no job is divided here")


@asynccontextmanager
async def running(engine: JobEngine) -> AsyncIterator[JobEngine]:
    """An engine at work."""
    await engine.launch()
    try:
        yield engine
    finally:
        await engine.close()


async def test_a_job_runs_once_however_often_it_is_started(open_engine: Open) -> None:
    """Starting a job again is harmless, while it runs and after it has ended."""
    runs: list[str] = []
    done = asyncio.Event()

    async def workflow(job_id: str, _run_step: RunStep, _run_shares: RunShares) -> None:
        runs.append(job_id)
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001", turn=1)
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()
        await engine.start("job000000001", turn=1)

    assert runs == ["job000000001"]


async def test_a_step_gives_its_json(open_engine: Open) -> None:
    """A step's result arrives as JSON: what the next version would read."""
    seen: list[object] = []
    done = asyncio.Event()

    async def workflow(_job_id: str, run_step: RunStep, _run_shares: RunShares) -> None:
        async def step() -> dict[str, object]:
            return {"bytes": 3, "names": ["a", "b"], "none": None, "nested": {"x": 1.5}}

        seen.append(await run_step("step", step))
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert seen == [{"bytes": 3, "names": ["a", "b"], "none": None, "nested": {"x": 1.5}}]


async def test_after_a_stop_the_job_goes_on_at_its_last_step(open_engine: Open) -> None:
    """Recorded steps are not run again; the interrupted one is."""
    ran: list[str] = []
    in_second, done = asyncio.Event(), asyncio.Event()
    blocked = True

    async def workflow(_job_id: str, run_step: RunStep, _run_shares: RunShares) -> None:
        async def first() -> str:
            ran.append("first")
            return "one"

        async def second() -> str:
            ran.append("second")
            in_second.set()
            if blocked:
                await asyncio.Event().wait()
            return "two"

        results = [await run_step("first", first), await run_step("second", second)]
        ran.append(",".join(str(result) for result in results))
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await in_second.wait()
    blocked = False
    async with running(open_engine(workflow)):
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert ran == ["first", "second", "second", "one,two"]


async def test_threads_are_there_after_an_engine_was_closed(open_engine: Open) -> None:
    """What stops after the job engine may still need the loop's threads."""
    done = asyncio.Event()

    async def workflow(_job_id: str, run_step: RunStep, _run_shares: RunShares) -> None:
        async def step() -> None:
            return None

        await run_step("step", step)
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert await asyncio.to_thread(lambda: "threads") == "threads"


async def test_shares_give_their_results_in_order(open_engine: Open) -> None:
    """Each is done once, with its JSON, and a later attempt of the workflow gets the records."""
    seen: list[JsonValue] = []
    done_shares: list[JsonValue] = []
    done = asyncio.Event()

    async def workflow(_job_id: str, _run_step: RunStep, run_shares: RunShares) -> None:
        seen.extend([result async for result in run_shares([{"part": number} for number in range(3)])])
        done.set()

    async def share(job_id: str, share: JsonValue) -> JsonValue:
        done_shares.append(share)
        return {"of": job_id, "share": share}

    async with running(open_engine(workflow, share)) as engine:
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert seen == [{"of": "job000000001", "share": {"part": number}} for number in range(3)]
    assert done_shares == [{"part": number} for number in range(3)]


async def test_after_a_stop_shares_that_are_done_are_not_done_again(open_engine: Open) -> None:
    """The job waits for the others, and for its interrupted share."""
    began: list[JsonValue] = []
    in_second, done = asyncio.Event(), asyncio.Event()
    blocked = True
    results: list[JsonValue] = []

    async def workflow(_job_id: str, _run_step: RunStep, run_shares: RunShares) -> None:
        results.extend([result async for result in run_shares(["a", "b", "c"])])
        done.set()

    async def share(_job_id: str, share: JsonValue) -> JsonValue:
        began.append(share)
        if share == "b" and blocked:
            in_second.set()
            await asyncio.Event().wait()
        return f"{share}!"

    async with running(open_engine(workflow, share)) as engine:
        await engine.start("job000000001", turn=1)
        async with asyncio.timeout(DEADLINE_S):
            await in_second.wait()
    blocked = False
    results.clear()
    async with running(open_engine(workflow, share)):
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert results == ["a!", "b!", "c!"]
    assert sorted(map(str, began)) == ["a", "b", "b", "c"]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_jobs_that_wait_run_by_their_turns(request: pytest.FixtureRequest, database: str) -> None:
    """Not as they came: that is what makes accounts take turns."""
    url = request.getfixturevalue(f"{database}_url")
    ran: list[str] = []
    done = asyncio.Event()
    turns = {"job000000001": 1, "job000000002": 2, "job000000003": 3, "jobofother01": 1, "jobofother02": 2}

    async def workflow(job_id: str, _run_step: RunStep, _run_shares: RunShares) -> None:
        ran.append(job_id)
        if len(ran) == len(turns):
            done.set()

    def opened(*, is_worker: bool) -> JobEngine:
        return DbosJobEngine(
            url=url, workflow=workflow, share=no_share, limits=Limits(here=1, all=1), is_worker=is_worker
        )

    async with running(opened(is_worker=False)) as engine:
        for job_id, turn in turns.items():
            await engine.start(job_id, turn=turn)
    async with running(opened(is_worker=True)):
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert ran == ["job000000001", "jobofother01", "job000000002", "jobofother02", "job000000003"]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_jobs_of_another_version_are_begun_anew(
    request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that it began and those that wait, once no worker of it lives: their steps may have been others."""
    url = request.getfixturevalue(f"{database}_url")
    ran: list[str] = []
    in_second, done = asyncio.Event(), asyncio.Event()

    async def older(_job_id: str, run_step: RunStep, _run_shares: RunShares) -> None:
        async def first() -> str:
            return "older"

        async def second() -> None:
            in_second.set()
            await asyncio.Event().wait()

        await run_step("first", first)
        await run_step("second", second)

    async def newer(job_id: str, run_step: RunStep, _run_shares: RunShares) -> None:
        async def other() -> str:
            return f"{job_id} newer"

        ran.append(str(await run_step("other", other)))
        if len(ran) == 2:
            done.set()

    def opened(workflow: Workflow) -> JobEngine:
        return DbosJobEngine(
            url=url, workflow=workflow, share=no_share, limits=Limits(here=1), is_worker=True, watch_s=WATCH_S
        )

    async with running(opened(older)) as engine:
        await engine.start("job000000001", turn=1)
        await engine.start("job000000002", turn=2)
        async with asyncio.timeout(DEADLINE_S):
            await in_second.wait()
    monkeypatch.setattr(jobs_dbos, "WORKFLOW_VERSION", "imports-of-another-version")
    async with running(opened(newer)):
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert ran == ["job000000001 newer", "job000000002 newer"]


async def test_a_version_is_left_alone_while_a_worker_of_it_lives(postgres_url: str) -> None:
    """Its jobs are its own until then; and of two that find it gone, one acts at a time."""
    engine = postgres.engine_of(postgres_url)
    older, newer = Executors(engine), Executors(engine)
    older.hold("one", "v1")
    newer.hold("two", "v2")

    with newer.alone("v1") as is_alone:
        assert not is_alone
    older.release()
    async with asyncio.timeout(DEADLINE_S):
        # PostgreSQL sees a connection's end when it sees it.
        while not is_alone:
            await asyncio.sleep(0.01)
            with newer.alone("v1") as is_alone:
                pass
    with newer.alone("v1") as is_alone, newer.alone("v1") as is_alone_too:
        assert (is_alone, is_alone_too) == (True, False)
    newer.release()
    engine.dispose()
