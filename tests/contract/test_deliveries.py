"""The outbox of jobs' ends: the fake, and SQL on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from tests.contract.catalogs import SqlCatalog, model_of
from tests.samples import sample_job

from outcrop.adapters.catalog_sql import Database, SqlDeliveryCatalog
from outcrop.errors import IllegalMoveError
from outcrop.records import DeliveryState, Stage
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import BEGIN

pytestmark = pytest.mark.anyio


class Catalog(SqlCatalog):
    """A real database's catalogs, the outbox among them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.deliveries = SqlDeliveryCatalog(database)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest) -> Iterator[Catalog | FakeCatalog]:
    """An empty catalog in which ends are told."""
    if request.param == "fake":
        made = FakeCatalog()
        made.tells_ends = True
        yield made
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"), tells_ends=True)
    database.migrate()
    yield Catalog(database)
    database.close()


def at(seconds: float) -> datetime:
    """A moment."""
    return BEGIN + timedelta(seconds=seconds)


async def fail(catalog: Catalog | FakeCatalog, number: int, seconds: float) -> str:
    """Lets a job fail; returns its id."""
    job = await catalog.jobs.create(sample_job(number))
    allowed_from = frozenset({Stage.QUEUED})
    await catalog.jobs.move(job.id, Stage.FAILED, allowed_from=allowed_from, at=at(seconds), failure_message="x")
    return job.id


async def test_every_end_is_noted_and_nothing_else(catalog: Catalog | FakeCatalog) -> None:
    """A failure and a publication; not a stage on the way, nor an end that was refused."""
    failed = await fail(catalog, 1, 5)
    job = await catalog.jobs.create(sample_job(2))
    await catalog.jobs.move(job.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=BEGIN)
    assert await catalog.deliveries.find(job.id) is None
    await catalog.models.publish(model_of(job), content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))
    with pytest.raises(IllegalMoveError):
        await catalog.jobs.move(failed, Stage.FAILED, allowed_from=frozenset({Stage.QUEUED}), at=at(9))

    found = await catalog.deliveries.find(failed)
    assert found is not None
    assert (found.state, found.created_at, found.due_at, found.attempts) == (DeliveryState.WAITING, at(5), at(5), 0)
    assert await catalog.deliveries.find(job.id) is not None
    assert await catalog.deliveries.waiting() == 2


async def test_a_claim_is_one_workers_until_it_is_over(catalog: Catalog | FakeCatalog) -> None:
    """The longest due first; nobody gets one twice, and who is late changes nothing."""
    first, second = await fail(catalog, 1, 5), await fail(catalog, 2, 6)
    assert await catalog.deliveries.claim(now=at(4), until=at(60)) is None

    claims = await asyncio.gather(*(catalog.deliveries.claim(now=at(10), until=at(60)) for _ in range(6)))

    taken = [claim for claim in claims if claim is not None]
    assert sorted(claim.job_id for claim in taken) == [first, second]
    again = await catalog.deliveries.claim(now=at(61), until=at(120))
    assert again is not None
    assert (again.job_id, again.attempts) == (first, 2)
    stale = next(claim for claim in taken if claim.job_id == first)
    assert not await catalog.deliveries.postpone(stale, due_at=at(62), problem="late")
    assert not await catalog.deliveries.settle(stale, DeliveryState.GIVEN_UP, at=at(62), problem="late")
    found = await catalog.deliveries.find(first)
    assert found is not None
    assert (found.problem, found.due_at) == (None, at(120))


async def test_a_postponed_delivery_is_due_again(catalog: Catalog | FakeCatalog) -> None:
    """Not sooner; and what went wrong is kept."""
    job_id = await fail(catalog, 1, 0)
    claim = await catalog.deliveries.claim(now=at(0), until=at(30))
    assert claim is not None

    assert await catalog.deliveries.postpone(claim, due_at=at(100), problem="status 500")

    assert await catalog.deliveries.claim(now=at(99), until=at(130)) is None
    again = await catalog.deliveries.claim(now=at(100), until=at(130))
    assert again is not None
    assert (again.job_id, again.problem, again.attempts) == (job_id, "status 500", 2)


@pytest.mark.parametrize("state", [DeliveryState.DELIVERED, DeliveryState.GIVEN_UP])
async def test_what_is_settled_stays_so(catalog: Catalog | FakeCatalog, state: DeliveryState) -> None:
    """It is due no more, and is settled once."""
    job_id = await fail(catalog, 1, 0)
    claim = await catalog.deliveries.claim(now=at(0), until=at(30))
    assert claim is not None

    assert await catalog.deliveries.settle(claim, state, at=at(1), problem="p")

    found = await catalog.deliveries.find(job_id)
    assert found is not None
    assert (found.state, found.settled_at, found.problem) == (state, at(1), "p")
    assert await catalog.deliveries.claim(now=at(999), until=at(1999)) is None
    assert not await catalog.deliveries.settle(claim, DeliveryState.DELIVERED, at=at(2), problem=None)
    assert await catalog.deliveries.waiting() == 0


async def test_what_was_delivered_is_so_after_the_claim_too(catalog: Catalog | FakeCatalog) -> None:
    """A worker that froze after the receiver had it: telling it once more would help nobody."""
    await fail(catalog, 1, 0)
    stale = await catalog.deliveries.claim(now=at(0), until=at(30))
    assert stale is not None
    assert await catalog.deliveries.claim(now=at(31), until=at(60)) is not None

    assert await catalog.deliveries.settle(stale, DeliveryState.DELIVERED, at=at(32), problem=None)

    assert await catalog.deliveries.waiting() == 0


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"])
async def test_without_a_webhook_nothing_is_noted(request: pytest.FixtureRequest, url: str) -> None:
    """One that is configured later is not told of last year's imports."""
    database = Database(request.getfixturevalue(url))
    database.migrate()
    catalog = Catalog(database)

    job_id = await fail(catalog, 1, 0)

    assert await catalog.deliveries.find(job_id) is None
    database.close()
