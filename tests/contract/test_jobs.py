"""What every JobEngine does: the fake, and DBOS on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from outcrop.adapters.jobs_dbos import DbosJobEngine
from outcrop.ports import JobEngine, RunStep, Workflow
from outcrop.testing.jobs import FakeJobEngine

pytestmark = pytest.mark.anyio

Open = Callable[[Workflow], JobEngine]
DEADLINE_S = 20
WATCH_S = 0.2


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def open_engine(request: pytest.FixtureRequest) -> Open:
    """Opens an engine on the same records, as a new process would."""
    if request.param != "fake":
        url = request.getfixturevalue(f"{request.param}_url")
        return lambda workflow: DbosJobEngine(
            url=url, workflow=workflow, concurrency=4, is_worker=True, watch_s=WATCH_S
        )
    kept: list[FakeJobEngine] = []

    def open_fake(workflow: Workflow) -> JobEngine:
        engine = FakeJobEngine(workflow)
        if kept:
            engine._records, engine._ended = kept[0]._records, kept[0]._ended
        kept.append(engine)
        return engine

    return open_fake


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

    async def workflow(job_id: str, _run_step: RunStep) -> None:
        runs.append(job_id)
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001")
        await engine.start("job000000001")
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()
        await engine.start("job000000001")

    assert runs == ["job000000001"]


async def test_a_step_gives_its_json(open_engine: Open) -> None:
    """A step's result arrives as JSON: what the next version would read."""
    seen: list[object] = []
    done = asyncio.Event()

    async def workflow(_job_id: str, run_step: RunStep) -> None:
        async def step() -> dict[str, object]:
            return {"bytes": 3, "names": ["a", "b"], "none": None, "nested": {"x": 1.5}}

        seen.append(await run_step("step", step))
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001")
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert seen == [{"bytes": 3, "names": ["a", "b"], "none": None, "nested": {"x": 1.5}}]


async def test_after_a_stop_the_job_goes_on_at_its_last_step(open_engine: Open) -> None:
    """Recorded steps are not run again; the interrupted one is."""
    ran: list[str] = []
    in_second, done = asyncio.Event(), asyncio.Event()
    blocked = True

    async def workflow(_job_id: str, run_step: RunStep) -> None:
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
        await engine.start("job000000001")
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

    async def workflow(_job_id: str, run_step: RunStep) -> None:
        async def step() -> None:
            return None

        await run_step("step", step)
        done.set()

    async with running(open_engine(workflow)) as engine:
        await engine.start("job000000001")
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()

    assert await asyncio.to_thread(lambda: "threads") == "threads"
