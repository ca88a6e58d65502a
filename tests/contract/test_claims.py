"""What every JobClaims does, and what a claim keeps others from: the fake, and SQL on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.contract.catalogs import LATER, Catalog, model_of
from tests.samples import sample_job

from outcrop.errors import IllegalMoveError
from outcrop.imports.job import ENDED, RUNNING
from outcrop.records import JobNote, Stage

pytestmark = pytest.mark.anyio

JOB = sample_job(1)


async def test_each_claim_has_a_greater_fence_and_one_attempt_more(catalog: Catalog) -> None:
    """The job tells who works on it; another stage begins with its first attempt again."""
    await catalog.jobs.create(JOB)

    first = await catalog.claims.claim(JOB.id, worker="one")
    second = await catalog.claims.claim(JOB.id, worker="two")
    again = await catalog.jobs.move(JOB.id, Stage.PLAN, allowed_from=frozenset(Stage), at=LATER, fence=second.fence)

    assert (first.worker, first.attempts, second.worker, second.attempts) == ("one", 1, "two", 2)
    assert second.fence > first.fence
    assert (again.worker, again.attempts, again.fence) == ("two", 1, second.fence)
    assert await catalog.jobs.get(None, JOB.id) == again


async def test_claims_at_once_take_turns(catalog: Catalog) -> None:
    """No two workers have one fence."""
    await catalog.jobs.create(JOB)

    claims = await asyncio.gather(*(catalog.claims.claim(JOB.id, worker=f"w{number}") for number in range(8)))

    assert len({claim.fence for claim in claims}) == 8
    assert (await catalog.jobs.get(None, JOB.id)).attempts == 8


@pytest.mark.parametrize("stage", sorted(ENDED))
async def test_a_job_that_has_ended_is_nobodys(catalog: Catalog, stage: Stage) -> None:
    """It cannot be claimed, and letting it go does nothing."""
    await catalog.jobs.create(JOB)
    claim = await catalog.claims.claim(JOB.id, worker="one")
    ended = await catalog.jobs.move(JOB.id, stage, allowed_from=RUNNING, at=LATER, fence=claim.fence)

    with pytest.raises(IllegalMoveError):
        await catalog.claims.claim(JOB.id, worker="two")
    await catalog.claims.let_go(JOB.id, fence=claim.fence)

    assert await catalog.jobs.get(None, JOB.id) == ended


async def test_an_attempt_that_was_let_go_does_not_count(catalog: Catalog) -> None:
    """And whoever let the job go cannot write of it any more; a later claim is not let go by an earlier worker."""
    await catalog.jobs.create(JOB)
    first = await catalog.claims.claim(JOB.id, worker="one")

    await catalog.claims.let_go(JOB.id, fence=first.fence)
    with pytest.raises(IllegalMoveError):
        await catalog.jobs.record(JOB.id, JobNote(bytes_done=1), fence=first.fence)
    second = await catalog.claims.claim(JOB.id, worker="two")
    await catalog.claims.let_go(JOB.id, fence=first.fence)

    assert second.attempts == 1
    assert await catalog.jobs.get(None, JOB.id) == second


WRITES: dict[str, Callable[[Catalog, int], Awaitable[object]]] = {
    "move": lambda catalog, fence: catalog.jobs.move(
        JOB.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=LATER, fence=fence
    ),
    "fail": lambda catalog, fence: catalog.jobs.move(
        JOB.id, Stage.FAILED, allowed_from=RUNNING, at=LATER, failure_message="no", fence=fence
    ),
    "record": lambda catalog, fence: catalog.jobs.record(JOB.id, JobNote(bytes_done=5, wrapped_key=b"x"), fence=fence),
    "publish": lambda catalog, fence: catalog.models.publish(
        model_of(JOB), content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}), fence=fence
    ),
    "share": lambda catalog, fence: catalog.artifacts.share(JOB.id, "c" * 64, fence=fence),
    "release": lambda catalog, fence: catalog.artifacts.release(JOB.id, fence=fence),
}


@pytest.mark.parametrize("write", WRITES)
async def test_under_an_older_fence_nothing_is_written(catalog: Catalog, write: str) -> None:
    """A worker that was given up for dead changes neither the job nor what there is of its model."""
    await catalog.jobs.create(JOB)
    old = await catalog.claims.claim(JOB.id, worker="zombie")
    await catalog.claims.claim(JOB.id, worker="other")
    before = await catalog.jobs.move(JOB.id, Stage.PUBLISH, allowed_from=RUNNING, at=LATER)

    with pytest.raises(IllegalMoveError):
        await WRITES[write](catalog, old.fence)

    assert await catalog.jobs.get(None, JOB.id) == before
    assert await catalog.artifacts.held() == {JOB.id}


@pytest.mark.parametrize("write", WRITES)
async def test_under_the_newest_fence_everything_is(catalog: Catalog, write: str) -> None:
    """Who has the job goes on."""
    await catalog.jobs.create(JOB)
    await catalog.claims.claim(JOB.id, worker="zombie")
    claim = await catalog.claims.claim(JOB.id, worker="other")
    await catalog.jobs.move(JOB.id, Stage.PUBLISH, allowed_from=RUNNING, at=LATER)

    await WRITES[write](catalog, claim.fence)
