"""Content that is stored already: imported again without a copy, whatever else happens to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.samples import TENANT, sample_job, sample_reading
from tests.unit.imports.test_pipeline import no_shares

from outcrop.artifact import keywrap
from outcrop.artifact.host import ANYWHERE
from outcrop.errors import KeyUnavailableError
from outcrop.imports.key_copies import rewrap
from outcrop.imports.pipeline import ImportPipeline
from outcrop.imports.publish import sweep
from outcrop.imports.tools import ImportTools
from outcrop.records import (
    Checksum,
    ChecksumType,
    ImportedModel,
    ImportJob,
    JsonObject,
    JsonValue,
    ModelFacts,
    ServableModel,
    Stage,
)
from outcrop.serving.unsealing import open_artifact
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import FakeClock
from outcrop.testing.journal import FakeCopyJournal
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService
from outcrop.testing.store import FakeObjectStore
from outcrop.testing.vault import FakeVault

pytestmark = pytest.mark.anyio

MODEL = Path(__file__).parents[3] / "examples" / "fieldguide" / "model"
WEIGHTS = (MODEL / "model.safetensors").stat().st_size


class Killed(BaseException):
    """A kill: nothing may catch it."""


@dataclass
class World:
    """A source, and what imports of it share."""

    store: FakeObjectStore
    journal: FakeCopyJournal = field(default_factory=FakeCopyJournal)
    vault: FakeVault = field(default_factory=FakeVault)
    keys: FakeKeyService = field(default_factory=FakeKeyService)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    made: int = 0
    before_step: Callable[[str], Awaitable[None]] | None = None
    is_proof_real: bool = False
    """Whether the proof opens the artifact, as an engine's load does."""

    def random_bytes(self, count: int) -> bytes:
        """Bytes that come only once."""
        self.made += 1
        return hashlib.shake_256(str(self.made).encode()).digest(count)

    def tools(self) -> ImportTools:
        """The tools of every import."""

        async def open_source(_job: ImportJob) -> FakeObjectStore:
            return self.store

        async def prove(model: ServableModel, _facts: ModelFacts) -> JsonObject:
            if self.is_proof_real:
                await open_artifact(model, sample_reading(self.vault, self.keys))
            return {"output_tokens": 1}

        async def retire(_arn: str) -> None:
            pass

        return ImportTools(
            jobs=self.catalog.jobs,
            claims=self.catalog.claims,
            models=self.catalog.models,
            artifacts=self.catalog.artifacts,
            vault=self.vault,
            staging=self.vault,
            journal=self.journal,
            keys_of=lambda _job: self.keys,
            clock=FakeClock(),
            open_source=open_source,
            prove=prove,
            retire=retire,
            host=ANYWHERE,
            random_bytes=self.random_bytes,
            profile="outcrop",
            worker="here",
            share_bytes=1 << 40,
            most_attempts=10,
            outage_s=60,
            runs_in_memory=asyncio.Semaphore(4),
        )

    async def run(
        self, number: int, records: dict[str, JsonValue] | None = None, *, kill_after: str | None = None
    ) -> ImportJob:
        """Imports the model once more; the numbers of imports differ."""
        job = sample_job(number)
        kept = {} if records is None else records
        if job.id not in self.catalog.job_rows:
            await self.catalog.jobs.create(job)

        async def run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
            if name not in kept:
                if self.before_step is not None:
                    await self.before_step(name)
                result = await work()
                if name == kill_after:
                    raise Killed
                kept[name] = result
            return kept[name]

        await ImportPipeline(self.tools()).run(job.id, run_step, no_shares)
        return await self.catalog.jobs.get(None, job.id)

    async def delete(self, number: int) -> None:
        """Deletes a model as the API does."""
        model = await self.catalog.models.get(TENANT, f"model-{number}")
        if await self.catalog.models.delete(TENANT, model.id):
            await self.vault.delete(model.artifact.artifact_id)

    async def weights(self, model: ImportedModel) -> bytes:
        """What a model's own key opens."""
        servable = ServableModel(arn=model.arn, artifact=model.artifact)
        artifact = await open_artifact(servable, sample_reading(self.vault, self.keys))
        return await artifact.read("model.safetensors")


@pytest.fixture
async def world() -> World:
    """The example model in two buckets, and the first import of it done."""
    files = {f"m/{path.name}": path.read_bytes() for path in sorted(MODEL.iterdir())}
    made = World(FakeObjectStore({"models": dict(files), "copies": dict(files)}))
    await made.run(1)
    made.store.bytes_read = 0
    return made


async def test_an_import_of_the_same_source_copies_nothing(world: World) -> None:
    """It reads what the checks read, and not a byte more; its model opens the same artifact with a key of its own."""
    read: dict[str, int] = {}

    async def before_step(name: str) -> None:
        read[name] = world.store.bytes_read

    world.before_step = before_step
    job = await world.run(2)

    first, second = [await world.catalog.models.get(TENANT, f"model-{number}") for number in (1, 2)]
    assert job.stage is Stage.COMPLETED
    assert world.store.bytes_read == read["share"] < WEIGHTS
    assert {"copy", "prepare"} & read.keys() == set()
    assert second.artifact.artifact_id == first.artifact.artifact_id
    assert second.artifact.wrapped_key != first.artifact.wrapped_key
    assert await world.weights(second) == (MODEL / "model.safetensors").read_bytes()  # a test
    with pytest.raises(KeyUnavailableError):
        await world.weights(replace(second, artifact=first.artifact))


@pytest.mark.parametrize("name", ["m/model.safetensors", "m/config.json"])
async def test_a_source_that_changed_is_copied(world: World, name: str) -> None:
    """One object written again, with the same bytes or others, is another source."""
    world.store.buckets["models"][name] += b" "
    if name.endswith("safetensors"):
        world.store.buckets["models"][name] = world.store.buckets["models"][name][:-1][:-4] + b"\0\0\0\0"

    job = await world.run(2)

    assert job.stage is Stage.COMPLETED
    assert len(world.vault.published) == 2


@pytest.mark.parametrize("has_sha256", [False, True])
async def test_another_bucket_is_shared_by_sha256_only(world: World, *, has_sha256: bool) -> None:
    """Its ETags are the same here, which says nothing."""
    if has_sha256:
        for key, data in world.store.buckets["models"].items():
            value = base64.b64encode(hashlib.sha256(data).digest()).decode()
            world.store.checksums[key] = Checksum(algorithm="SHA256", value=value, type=ChecksumType.FULL_OBJECT)
        await world.run(2)
    for job in (sample_job(3, source_uri="s3://models/m/"), sample_job(4, source_uri="s3://copies/m/")):
        await world.catalog.jobs.create(job)
        await world.run(int(job.id[3:]))

    third, fourth = [await world.catalog.models.get(TENANT, f"model-{number}") for number in (3, 4)]

    assert (third.artifact.artifact_id == fourth.artifact.artifact_id) is has_sha256


async def test_each_model_is_deleted_for_itself(world: World) -> None:
    """In either order: the other one still opens, and the bytes go with the last."""
    await world.run(2)
    second = await world.catalog.models.get(TENANT, "model-2")

    await world.delete(1)
    assert len(await world.weights(second)) == WEIGHTS
    await world.delete(2)

    assert world.vault.published == {}


@pytest.mark.parametrize("step", ["verify", "prove", "publish"])
async def test_the_first_model_may_go_while_the_second_is_imported(world: World, step: str) -> None:
    """The job holds what it shares."""

    async def before_step(name: str) -> None:
        if name == step:
            await world.delete(1)

    world.before_step = before_step
    job = await world.run(2)

    assert job.stage is Stage.COMPLETED
    assert len(await world.weights(await world.catalog.models.get(TENANT, "model-2"))) == WEIGHTS
    await world.delete(2)
    assert world.vault.published == {}


@pytest.mark.parametrize("is_first_deleted", [False, True])
async def test_an_import_that_fails_takes_no_bytes_of_others(world: World, *, is_first_deleted: bool) -> None:
    """But those that nobody else holds by then."""

    async def before_step(name: str) -> None:
        if name == "prove":
            if is_first_deleted:
                await world.delete(1)
            world.keys.disabled.add(SERVICE_KEY)

    world.before_step, world.is_proof_real = before_step, True
    job = await world.run(2)

    assert job.stage is Stage.FAILED
    assert "key" in str(job.failure_message)
    assert len(world.vault.published) == (0 if is_first_deleted else 1)
    assert world.vault.staged == {}


@pytest.mark.parametrize("step", ["share", "verify", "publish"])
@pytest.mark.parametrize("is_first_deleted", [False, True])
async def test_a_killed_import_goes_on_with_what_it_shares(world: World, step: str, *, is_first_deleted: bool) -> None:
    """Also when the first model is deleted, and the vault swept, in between."""
    records: dict[str, JsonValue] = {}
    with pytest.raises(Killed):
        await world.run(2, records, kill_after=step)
    if is_first_deleted:
        await world.delete(1)
    await sweep(world.tools())

    job = await world.run(2, records)

    assert job.stage is Stage.COMPLETED
    assert len(world.vault.published) == 1
    assert len(await world.weights(await world.catalog.models.get(TENANT, "model-2"))) == WEIGHTS


async def test_rewrapping_changes_keys_and_no_weights(world: World) -> None:
    """Every model gets a new wrapped copy of the same data key; the vault is not touched."""
    await world.run(2)
    stored = {path: bytes(data) for path, data in next(iter(world.vault.published.values())).items()}
    before = dict(world.catalog.model_rows)

    count = await rewrap(world.catalog.artifacts, world.keys, SERVICE_KEY, random_bytes=world.random_bytes)

    assert count == 2
    assert {path: bytes(data) for path, data in next(iter(world.vault.published.values())).items()} == stored
    for model in world.catalog.model_rows.values():
        old = before[model.id].artifact.wrapped_key
        assert keywrap.wrapped_wrapping_key(model.artifact.wrapped_key) != keywrap.wrapped_wrapping_key(old)
        assert len(await world.weights(model)) == WEIGHTS


async def test_a_disabled_key_shares_nothing(world: World) -> None:
    """It is as if it were a copy: no key, no model."""
    world.keys.disabled.add(SERVICE_KEY)

    job = await world.run(2)

    assert job.stage is Stage.FAILED
    assert len(world.vault.published) == 1
