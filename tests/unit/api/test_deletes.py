"""DeleteImportedModel: what goes, in which order, and what is left when calls meet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.contract.catalogs import model_of
from tests.samples import TENANT, sample_job
from tests.unit.api.services import Started, call, sample_services

from outcrop.api.import_jobs import create_model_import_job
from outcrop.api.imported_models import delete_imported_model
from outcrop.api.services import Services
from outcrop.errors import ModelNotReadyError, NotFoundError, StorageError, UnavailableError
from outcrop.records import ImportedModel, ServableModel, Stage
from outcrop.testing.clock import BEGIN
from outcrop.testing.held_request import HeldRequest
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock, settle

pytestmark = pytest.mark.anyio


class World:
    """Services with models in them."""

    def __init__(self) -> None:
        self.host, self.clock = NullHost(), TurnedClock()
        self.services: Services = sample_services(host=self.host, clock=self.clock)

    async def model(self, number: int, *, artifact: ImportedModel | None = None) -> ServableModel:
        """Publishes a model with an artifact of its own, or that of another."""
        job = await self.services.jobs.create(sample_job(number), self.services.quotas)
        await self.services.jobs.move(job.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=BEGIN)
        made = model_of(job)
        if artifact is not None:
            made = replace(made, artifact=artifact.artifact)
        else:
            async with self.services.vault.create(made.artifact.artifact_id, "files/a", 1) as file:
                await file.write(0, b"a")
            await self.services.vault.publish(made.artifact.artifact_id)
        await self.services.models.publish(made, content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))
        return ServableModel(arn=made.arn, artifact=made.artifact)

    async def delete(self, number: int) -> None:
        """Calls the operation."""
        await delete_imported_model(call("DeleteImportedModel", modelIdentifier=f"model-{number}"), self.services)

    async def stored(self) -> list[str]:
        """What the vault holds."""
        return list(await self.services.vault.artifact_ids())


@pytest.fixture
def world() -> World:
    """An empty world."""
    return World()


async def test_the_key_goes_first_and_the_bytes_last(world: World) -> None:
    """A request that is under way is answered in between, and its copy is ended before the bytes go."""
    model = await world.model(1)
    held = await HeldRequest.begin(world.services.fleet, model)
    deleting = asyncio.create_task(world.delete(1))
    await settle()

    with pytest.raises(NotFoundError):
        await world.services.models.get(TENANT, "model-1")
    assert world.host.engines[model.arn].is_alive
    assert await world.stored() == [model.artifact.artifact_id]
    await held.end()
    await deleting

    assert not world.host.engines[model.arn].is_alive
    assert await world.stored() == []


async def test_a_copy_that_loads_is_given_up(world: World) -> None:
    """Nobody waits for it: the load is cancelled before its bytes go."""
    model = await world.model(1)
    world.host.hold_up()
    request = await HeldRequest.begin(world.services.fleet, model, hold_s=0)
    with pytest.raises(ModelNotReadyError):
        await request.task

    await world.delete(1)

    assert world.host.cancelled == [model.arn]
    assert await world.stored() == []


async def test_a_request_that_does_not_end_does_not_keep_a_model(world: World) -> None:
    """After a while its engine is stopped: SDKs would give the deletion up, and find no model the next time."""
    model = await world.model(1)
    held = await HeldRequest.begin(world.services.fleet, model)
    deleting = asyncio.create_task(world.delete(1))

    await world.clock.turn(44)
    assert not deleting.done()
    await world.clock.turn(1)
    await deleting

    assert not world.host.engines[model.arn].is_alive
    assert await world.stored() == []
    await held.end()


async def test_a_second_delete_finds_nothing(world: World) -> None:
    """ResourceNotFoundException, as the first one would for a model that never was."""
    await world.model(1)
    await world.delete(1)

    with pytest.raises(NotFoundError):
        await world.delete(1)


async def test_of_two_deletes_at_once_one_deletes(world: World) -> None:
    """The other finds nothing; nothing goes twice."""
    await world.model(1)

    told = await asyncio.gather(world.delete(1), world.delete(1), return_exceptions=True)

    assert sorted(type(each).__name__ for each in told) == ["NoneType", "NotFoundError"]
    assert await world.stored() == []


async def test_who_read_the_model_before_it_was_deleted_gets_no_copy(world: World) -> None:
    """Its wrapped key is still in that request's hands; the answer is as if it had come later."""
    model = await world.model(1)
    await world.delete(1)

    with pytest.raises(NotFoundError):
        await HeldRequest.once(world.services.fleet, model)

    assert world.host.started == []


async def test_bytes_that_another_model_points_to_stay(world: World) -> None:
    """They go with the last one."""
    await world.model(1)
    first = await world.services.models.get(TENANT, "model-1")
    await world.model(2, artifact=first)

    await world.delete(1)
    assert await world.stored() == [first.artifact.artifact_id]
    await world.delete(2)

    assert await world.stored() == []


async def test_the_name_is_free_again(world: World) -> None:
    """The same model can be imported once more, under another job's name."""
    await world.model(1)
    await world.delete(1)

    await create_model_import_job(
        call(
            "CreateModelImportJob",
            jobName="again",
            importedModelName="model-1",
            roleArn="arn:aws:iam::000000000000:role/import",
            modelDataSource={"s3DataSource": {"s3Uri": "s3://b/m/"}},
        ),
        world.services,
    )

    assert isinstance(world.services.job_engine, Started)
    assert len(world.services.job_engine.ids) == 1


@pytest.mark.parametrize("failure", [StorageError("read-only"), UnavailableError("S3", "503")])
async def test_a_vault_that_refuses_does_not_keep_a_model(world: World, failure: Exception) -> None:
    """Its key is gone, so nobody can use the bytes; the next start sweeps them."""
    await world.model(1)

    async def refuse(_: str) -> None:
        raise failure

    keep: Callable[[str], Awaitable[Any]] = world.services.vault.delete
    world.services.vault.delete = refuse
    await world.delete(1)
    world.services.vault.delete = keep

    with pytest.raises(NotFoundError):
        await world.services.models.get(TENANT, "model-1")
