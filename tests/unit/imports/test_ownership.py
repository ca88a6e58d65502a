"""Whose a job is: what a worker that was taken for dead may still do, and how often a job may cost a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.samples import sample_job
from tests.unit.imports.test_pipeline import Killed, World, no_shares, require_nothing_left, world

from outcrop.errors import IllegalMoveError
from outcrop.imports.pipeline import ImportPipeline
from outcrop.records import JsonObject, JsonValue, ModelFacts, ServableModel, Stage, Upload

__all__ = ["world"]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "step", ["plan", "check", "share", "prepare", "copy", "verify", "manifest", "prove", "publish"]
)
async def test_a_worker_that_returns_changes_nothing(world: World, step: str) -> None:
    """It was frozen in any step while another one finished the job: nothing that it does afterwards is kept."""
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        if name not in world.records:
            if name == step:
                frozen.set()
                await thawed.wait()
                await work()
                raise AssertionError("a step of a job that is another worker's was done")
            world.records[name] = await work()
        return world.records[name]

    zombie = asyncio.create_task(ImportPipeline(world.tools()).run(sample_job().id, run_step, no_shares))
    await frozen.wait()
    ended = await world.run()
    everything = (dict(world.vault.published), dict(world.catalog.model_rows), world.store.bytes_read)
    thawed.set()
    await zombie

    assert ended.stage is Stage.COMPLETED
    assert world.catalog.job_rows[ended.id] == ended
    assert (dict(world.vault.published), dict(world.catalog.model_rows), world.store.bytes_read) == everything
    assert (world.vault.staged, world.vault.uploads, world.journal.files) == ({}, {}, {})


async def test_a_worker_that_freezes_in_the_copy_begins_no_file_anew(world: World) -> None:
    """Between two files the job becomes another's: the journal takes no new beginning, and that one's bytes stay."""
    begin, begun = world.vault.begin, asyncio.Event()
    held: list[Upload] = []

    async def freezing(*args: object, **kwargs: object) -> Upload:
        upload = await begin(*args, **kwargs)  # type: ignore[arg-type]
        if not held:
            held.append(upload)
            begun.set()
            await asyncio.Event().wait()
        return upload

    world.vault.begin = freezing  # type: ignore[method-assign]
    zombie = asyncio.create_task(world.run())
    await begun.wait()
    claimed = await world.catalog.claims.claim(sample_job().id, worker="other")
    with pytest.raises(IllegalMoveError):
        await world.journal.begin(held[0], b"header", fence=claimed.fence - 1)
    zombie.cancel()
    await asyncio.wait({zombie})

    assert world.catalog.job_rows[sample_job().id] == replace(claimed, progress=claimed.progress)


async def test_a_job_that_ends_its_worker_each_time_fails(world: World) -> None:
    """After as many attempts at a stage as are allowed, with the reason; what it left is gone."""
    for _ in range(3):
        with pytest.raises(Killed):
            await world.run(kill_after="prove")
    assert world.catalog.job_rows[sample_job().id].attempts == 3

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert job.failure_message is not None
    assert "3 times its worker died in the stage Prove" in job.failure_message
    require_nothing_left(world)


async def test_a_worker_that_stops_in_good_order_costs_no_attempt(world: World) -> None:
    """However often servers are restarted, a long stage goes on."""
    for _ in range(5):
        proving = asyncio.Event()

        async def never(_model: ServableModel, _facts: ModelFacts, proving: asyncio.Event = proving) -> JsonObject:
            proving.set()
            await asyncio.Event().wait()
            return {}

        world.prove = never
        running = asyncio.create_task(world.run())
        await proving.wait()
        running.cancel()
        await asyncio.wait({running})
    world.prove = None

    assert (await world.run()).stage is Stage.COMPLETED
