"""Deletes and imports of one content that meet, call by call, on the real catalog and the real folder.

Each actor waits for its turn before each call that others could come between; a seed decides whose turn it is. So each
seed is one interleaving, the same each time, however busy the machine is.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.catalogs import SqlCatalog
from tests.contract.conftest import make_llama
from tests.samples import TENANT, sample_job, sample_reading
from tests.unit.api.services import call, sample_services
from tests.unit.imports.test_pipeline import no_shares
from tests.unit.imports.test_share import World

from outcrop.adapters.catalog_sql import Database, SqlCopyJournal
from outcrop.adapters.vault_local import LocalVault
from outcrop.api.imported_models import delete_imported_model
from outcrop.errors import NotFoundError, ProofFailedError
from outcrop.imports.pipeline import ImportPipeline
from outcrop.records import ImportedModel, JsonObject, JsonValue, ListQuery, ModelFacts, ServableModel, Stage
from outcrop.serving.unsealing import open_artifact
from outcrop.testing.store import FakeObjectStore

pytestmark = pytest.mark.anyio

ACTOR: ContextVar[str] = ContextVar("actor", default="")
SEEDS = range(24)


class Turns:
    """One actor at a time goes on, from one call to the next."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._live: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.order: list[str] = []

    async def run(self, actors: dict[str, Coroutine[Any, Any, None]]) -> None:
        """Runs actors to their ends."""
        self._live = set(actors)
        async with asyncio.TaskGroup() as tasks:
            for name, work in actors.items():
                tasks.create_task(self._act(name, work))

    async def turn(self, what: str) -> None:
        """Waits until it is this actor's turn; returns at once where nothing races."""
        name = ACTOR.get()
        if not name:
            return
        assert name not in self._waiting, "an actor makes one call at a time"
        mine = self._waiting[name] = asyncio.get_running_loop().create_future()
        self._next()
        await mine
        self.order.append(f"{name} {what}")

    async def _act(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        ACTOR.set(name)
        try:
            await self.turn("begins")
            await work
        finally:
            self._live.discard(name)
            self._next()

    def _next(self) -> None:
        """Once everybody waits, lets one go on."""
        if self._live and self._waiting.keys() == self._live:
            self._waiting.pop(self._chance.choice(sorted(self._waiting))).set_result(None)


class InTurn:
    """A port whose calls wait for their turn."""

    def __init__(self, port: object, turns: Turns, *names: str) -> None:
        self._port, self._turns, self._names = port, turns, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in self._names:
            return found

        async def in_turn(*args: Any, **more: Any) -> Any:
            await self._turns.turn(name)
            return await found(*args, **more)

        return in_turn


class RacingWorld(World):
    """A world whose catalog is a database and whose vault is a folder."""

    def on(self, database: Database, folder: Path, turns: Turns) -> RacingWorld:
        """Puts it there."""
        sql, vault = SqlCatalog(database), LocalVault(folder)
        catalog, self.vault = SqlCatalog(database), InTurn(vault, turns, "publish", "delete")  # type: ignore[assignment]
        catalog.artifacts = InTurn(sql.artifacts, turns, "share", "release")  # type: ignore[assignment]
        catalog.models = InTurn(sql.models, turns, "publish", "delete", "get")  # type: ignore[assignment]
        catalog.jobs = InTurn(sql.jobs, turns, "move")  # type: ignore[assignment]
        self.catalog, self.journal = catalog, SqlCopyJournal(database)  # type: ignore[assignment]
        self.services = replace(sample_services(), models=self.catalog.models, vault=self.vault)
        return self

    async def imported(self, number: int, *, fails: bool = False) -> None:
        """Imports the model; or comes as far as the proof, which fails."""
        job = sample_job(number)
        await self.catalog.jobs.create(job)
        tools = self.tools()
        await ImportPipeline(replace(tools, prove=_refuse) if fails else tools).run(job.id, _step, no_shares)
        ended = await self.catalog.jobs.get(None, job.id)
        assert ended.stage is (Stage.FAILED if fails else Stage.COMPLETED), ended.failure_message

    async def deleted(self, number: int, *, tries: int = 1) -> None:
        """Calls DeleteImportedModel, as often as a client would that waits for the model."""
        for _ in range(tries):
            try:
                await delete_imported_model(
                    call("DeleteImportedModel", modelIdentifier=f"model-{number}"), self.services
                )
            except NotFoundError:
                continue
            return

    async def models(self) -> list[ImportedModel]:
        """Every model."""
        return list((await self.catalog.models.find(TENANT, ListQuery(limit=100))).items)


async def _step(_name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    return await work()


async def _refuse(_model: ServableModel, _facts: ModelFacts) -> JsonObject:
    raise ProofFailedError("no")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small model's."""
    folder = make_llama(tmp_path_factory.mktemp("races") / "m")
    return {f"m/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """An empty catalog."""
    made = Database(sqlite_url)
    made.migrate()
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_bytes_are_there_as_long_as_a_model_points_to_them(
    files: dict[str, bytes], database: Database, tmp_path: Path, seed: int
) -> None:
    """One model is deleted while imports of the same content share it, fail, and are deleted themselves."""
    turns = Turns(seed)
    world = RacingWorld(FakeObjectStore({"models": files})).on(database, tmp_path, turns)
    await world.imported(1)

    await turns.run(
        {
            "delete 1": world.deleted(1),
            "import 2": world.imported(2),
            "import 3, which fails": world.imported(3, fails=True),
            "delete 2": world.deleted(2, tries=12),
        }
    )

    left = await world.models()
    assert {model.name for model in left} <= {"model-2"}
    assert await world.vault.artifact_ids() == sorted({model.artifact.artifact_id for model in left}), turns.order
    assert await world.catalog.artifacts.held() == {model.artifact.artifact_id for model in left}
    for model in left:
        servable = ServableModel(arn=model.arn, artifact=model.artifact)
        artifact = await open_artifact(servable, sample_reading(world.vault, world.keys))
        assert await artifact.read("model.safetensors") == files["m/model.safetensors"], turns.order


@pytest.mark.parametrize("before", ["share", "move", "publish"])
async def test_each_order_of_a_delete_and_a_share(
    files: dict[str, bytes], database: Database, tmp_path: Path, before: str
) -> None:
    """The first model goes before the second import holds its bytes, while it holds them, and as it publishes."""
    world = RacingWorld(FakeObjectStore({"models": files})).on(database, tmp_path, Turns(0))
    await world.imported(1)
    port: Any = world.catalog.artifacts if before == "share" else world.catalog.jobs
    port = world.catalog.models if before == "publish" else port
    call_of = getattr(port, before)
    calls: list[str] = []

    async def deleting(*args: Any, **more: Any) -> Any:
        if not calls and (before != "move" or args[1] is Stage.VERIFY):
            calls.append(before)
            await world.deleted(1)
        return await call_of(*args, **more)

    setattr(port, before, deleting)
    await world.imported(2)

    (left,) = await world.models()
    assert calls == [before]
    is_shared = left.artifact.artifact_id == sample_job(1).artifact_id
    assert is_shared is (before != "share")
    assert await world.vault.artifact_ids() == [left.artifact.artifact_id]
    artifact = await open_artifact(
        ServableModel(arn=left.arn, artifact=left.artifact), sample_reading(world.vault, world.keys)
    )
    assert await artifact.read("model.safetensors") == files["m/model.safetensors"]
    await world.deleted(2)
    assert await world.vault.artifact_ids() == []
