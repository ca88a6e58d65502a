"""What every NetworkCatalog does: the fake, and SQL on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import pytest
from tests.samples import sample_job

from outcrop.adapters.catalog_sql import Database, SqlJobCatalog, SqlNetworkCatalog
from outcrop.ports import NetworkCatalog
from outcrop.records import ImportJob, Network, NetworkUse, Stage
from outcrop.testing.clock import BEGIN
from outcrop.testing.networks import FakeNetworkCatalog

pytestmark = pytest.mark.anyio

NETWORK = Network(subnet_ids=("subnet-1", "subnet-2"), security_group_ids=("sg-1",))


class Subject(Protocol):
    """A catalog, and how jobs come into it."""

    networks: NetworkCatalog

    async def add(self, job: ImportJob, *, has_ended: bool) -> None:
        """Adds a job."""
        ...


class Fake:
    """The fake."""

    def __init__(self) -> None:
        self.networks = FakeNetworkCatalog()

    async def add(self, job: ImportJob, *, has_ended: bool) -> None:
        """Adds a job."""
        if job.request.network is not None:
            self.networks.uses[job.model_id] = NetworkUse(
                network=job.request.network, job_id=job.id, has_ended=has_ended
            )


class Sql:
    """A database."""

    def __init__(self, database: Database) -> None:
        self.networks = SqlNetworkCatalog(database)
        self._jobs = SqlJobCatalog(database)

    async def add(self, job: ImportJob, *, has_ended: bool) -> None:
        """Adds a job."""
        await self._jobs.create(job)
        if has_ended:
            await self._jobs.move(job.id, Stage.FAILED, allowed_from=frozenset(Stage), at=BEGIN, failure_message="no")


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """An empty catalog."""
    if request.param == "fake":
        yield Fake()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    database.migrate()
    yield Sql(database)
    database.close()


async def test_the_first_addresses_of_a_name_are_kept(subject: Subject) -> None:
    """Whatever comes later, from whichever worker; of each job and name its own."""
    pin = subject.networks.pin

    assert pin("job1", "s3.test", ()) == ()
    assert list(pin("job1", "s3.test", ["10.0.0.1", "fd00::1"])) == ["10.0.0.1", "fd00::1"]
    assert list(pin("job1", "s3.test", ["10.0.0.2"])) == ["10.0.0.1", "fd00::1"]
    assert list(pin("job1", "s3.test", ())) == ["10.0.0.1", "fd00::1"]
    assert list(pin("job2", "s3.test", ["10.0.0.2"])) == ["10.0.0.2"]
    assert pin("job1", "kms.test", ()) == ()


async def test_of_many_at_once_one_wins(subject: Subject) -> None:
    """All are told the same."""
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda index: tuple(subject.networks.pin("job1", "a", [f"10.0.0.{index}"])), range(16)))

    assert len(set(told)) == 1


async def test_a_models_network_is_that_of_its_import(subject: Subject) -> None:
    """Also once the import has ended; imports without one have none."""
    running, ended, plain = (sample_job(number) for number in (1, 2, 3))
    for job, has_ended in ((running, False), (ended, True)):
        await subject.add(replace(job, request=replace(job.request, network=NETWORK)), has_ended=has_ended)
    await subject.add(replace(plain, request=replace(plain.request, network=None)), has_ended=False)

    assert await subject.networks.used_by(running.model_id) == NetworkUse(
        network=NETWORK, job_id=running.id, has_ended=False
    )
    found = await subject.networks.used_by(ended.model_id)
    assert found is not None
    assert found.has_ended
    assert await subject.networks.used_by(plain.model_id) is None
    assert await subject.networks.used_by("nomodel00000") is None
