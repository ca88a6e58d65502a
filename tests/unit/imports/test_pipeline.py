"""The pipeline on fakes: every way that an import can end, and what it leaves."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.samples import TENANT, sample_job, sample_reading

from outcrop.artifact.host import ANYWHERE, Host
from outcrop.errors import (
    EngineError,
    OutcropError,
    ProofFailedError,
    SourceChangedError,
    UnavailableError,
)
from outcrop.imports.job import ENDED
from outcrop.imports.pipeline import ImportPipeline
from outcrop.imports.publish import sweep
from outcrop.imports.tools import ImportTools
from outcrop.ports import RunStep
from outcrop.records import ImportJob, JsonObject, JsonValue, ModelFacts, ServableModel, Stage, Upload
from outcrop.serving.unsealing import open_artifact
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import FakeClock
from outcrop.testing.journal import FakeCopyJournal
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService
from outcrop.testing.store import FakeObjectStore
from outcrop.testing.vault import FakeVault

pytestmark = pytest.mark.anyio

MODEL = Path(__file__).parents[3] / "examples" / "fieldguide" / "model"
EVIDENCE = {"engine": "none", "output_tokens": 1}


async def no_shares(_shares: Sequence[JsonValue]) -> AsyncIterator[JsonValue]:
    """For imports that are too small to be divided."""
    raise AssertionError("this import was divided")
    yield


class Killed(BaseException):
    """A kill: nothing may catch it."""


@dataclass
class World:
    """Everything outside, and the imports that run in it."""

    store: FakeObjectStore
    vault: FakeVault = field(default_factory=FakeVault)
    keys: FakeKeyService = field(default_factory=FakeKeyService)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    clock: FakeClock = field(default_factory=FakeClock)
    records: dict[str, JsonValue] = field(default_factory=dict)
    retired: list[str] = field(default_factory=list)
    prove: Callable[[ServableModel, ModelFacts], Awaitable[JsonObject]] | None = None
    host: Host = ANYWHERE
    share_bytes: int = 1 << 40

    def __post_init__(self) -> None:
        self.journal = FakeCopyJournal(self.catalog)

    def tools(self) -> ImportTools:
        """The tools of this world's imports."""

        async def open_source(_job: ImportJob) -> FakeObjectStore:
            return self.store

        async def prove(_model: ServableModel, _facts: ModelFacts) -> JsonObject:
            return EVIDENCE

        async def retire(arn: str) -> None:
            self.retired.append(arn)

        made = iter(range(1000))
        return ImportTools(
            jobs=self.catalog.jobs,
            claims=self.catalog.claims,
            models=self.catalog.models,
            artifacts=self.catalog.artifacts,
            vault=self.vault,
            staging=self.vault,
            journal=self.journal,
            keys_of=lambda _job: self.keys,
            clock=self.clock,
            open_source=open_source,
            prove=self.prove or prove,
            retire=retire,
            host=self.host,
            random_bytes=lambda count: hashlib.shake_256(str(next(made)).encode()).digest(count),
            profile="outcrop",
            worker="here",
            share_bytes=self.share_bytes,
            most_attempts=3,
            outage_s=60,
            runs_in_memory=asyncio.Semaphore(4),
        )

    def pipeline(self) -> ImportPipeline:
        """The workflow, in a new process."""
        return ImportPipeline(self.tools())

    async def run(self, *, kill_after: str | None = None, kill_before: str | None = None) -> ImportJob:
        """Runs the import to its end, or kills it before a step or between a step's work and its record."""

        async def run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
            if name not in self.records:
                if name == kill_before:
                    raise Killed
                result = await work()
                if name == kill_after:
                    raise Killed
                self.records[name] = result
            return self.records[name]

        step: RunStep = run_step
        pipeline = self.pipeline()

        async def run_shares(shares: Sequence[JsonValue]) -> AsyncIterator[JsonValue]:
            for number, share in enumerate(shares):
                key = f"share {number}"
                if key not in self.records:
                    self.records[key] = await pipeline.run_share(sample_job().id, json.loads(json.dumps(share)))
                yield self.records[key]

        await pipeline.run(sample_job().id, step, run_shares)
        return await self.catalog.jobs.get(None, sample_job().id)


@pytest.fixture
async def world() -> World:
    """The example model in a bucket, and a job that has just been created."""
    files = {f"m/{path.name}": path.read_bytes() for path in sorted(MODEL.iterdir())}
    made = World(FakeObjectStore({"models": {**files, "m/README.md": b"not copied"}}))
    await made.catalog.jobs.create(sample_job())
    return made


def require_nothing_left(world: World) -> None:
    """A failed import leaves no bytes, no model, no loaded copy and no key."""
    assert (world.vault.staged, world.vault.published, world.vault.uploads) == ({}, {}, {})
    assert world.journal.files == {}
    assert world.catalog.model_rows == {}
    assert world.retired == [sample_job().model_arn]
    assert world.catalog.job_rows[sample_job().id].wrapped_key is None


async def test_an_import_completes(world: World) -> None:
    """The model is visible, its bytes are those of the source, and only the model keeps the key."""
    job = await world.run()

    model = await world.catalog.models.get(TENANT, "model-1")
    servable = ServableModel(arn=model.arn, artifact=model.artifact)
    artifact = await open_artifact(servable, sample_reading(world.vault, world.keys))
    assert job.stage is Stage.COMPLETED
    assert job.wrapped_key is None
    assert (model.facts.architecture, model.facts.is_instruct, model.evidence) == ("llama", True, EVIDENCE)
    assert sorted(path for path, _ in artifact.files) == sorted(path.name for path in MODEL.iterdir())
    for path, _ in artifact.files:
        assert await artifact.read(path) == (MODEL / path).read_bytes()


async def test_the_stages_are_those_of_the_design(world: World) -> None:
    """Each is entered once, in order, and the copy's bytes are counted to the last."""
    job = await world.run()

    assert [entry.stage for entry in job.progress.entries] == [
        Stage.QUEUED,
        Stage.PLAN,
        Stage.CHECK,
        Stage.COPY,
        Stage.VERIFY,
        Stage.PROVE,
        Stage.PUBLISH,
        Stage.COMPLETED,
    ]
    assert job.progress.bytes_total == sum(path.stat().st_size for path in MODEL.iterdir())


async def test_a_model_that_does_not_fit_here_fails_before_its_weights_move(world: World) -> None:
    """The message has both numbers, and nothing was copied."""
    world.host = Host(memory_bytes=1000, must_run=True)

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert job.failure_message is not None
    assert "4.5 MB of memory; this machine has 1.0 KB" in job.failure_message
    assert Stage.COPY not in [entry.stage for entry in job.progress.entries]
    require_nothing_left(world)


async def test_no_record_holds_the_key(world: World) -> None:
    """What the job engine keeps for good is no way to the weights of a model that was deleted."""
    wrapped: list[bytes] = []
    record = world.catalog.jobs.record

    async def spy(job_id: str, note: object, *, fence: int | None) -> None:
        wrapped.extend([note.wrapped_key] if note.wrapped_key else [])
        await record(job_id, note, fence=fence)

    world.catalog.jobs.record = spy
    await world.run()

    assert len(wrapped) == 1
    assert wrapped[0].hex() not in str(world.records)
    assert str(wrapped[0]) not in str(world.records)


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (SourceChangedError("s3://models/m/config.json"), "s3://models/m/config.json changed"),
        (UnavailableError("S3 at http://store", "connection refused"), "S3 at http://store is not available"),
        (RuntimeError("secret internals"), "internal error"),
    ],
)
async def test_a_source_that_fails_fails_the_import(world: World, failure: Exception, says: str) -> None:
    """Whatever goes wrong while copying, the job ends Failed with the reason, and nothing is left."""
    world.store.failures = []
    read = world.store.read

    async def failing(source: object, start: int, end: int) -> object:
        if end - start > 1_000_000:
            raise failure
        return await read(source, start, end)

    world.store.read = failing
    job = await world.run()

    assert job.stage is Stage.FAILED
    assert says in job.failure_message
    assert "secret" not in job.failure_message
    require_nothing_left(world)


async def test_an_outage_is_waited_out(world: World) -> None:
    """A store that is away for less than an outage may last costs time, not the import."""
    world.store.failures = [UnavailableError("S3", "503") for _ in range(3)]

    job = await world.run()

    assert job.stage is Stage.COMPLETED
    assert world.clock.monotonic() > 0


async def test_a_full_vault_fails_the_import(world: World) -> None:
    """The operator's words reach the job."""
    world.vault.is_full = True

    job = await world.run()

    assert (job.stage, job.failure_message) == (
        Stage.FAILED,
        "The model could not be stored: the vault is full",
    )
    require_nothing_left(world)


async def test_a_disabled_key_fails_the_import(world: World) -> None:
    """No key, no copy."""
    world.keys.disabled.add(SERVICE_KEY)

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert "key" in job.failure_message
    assert world.store.bytes_read < 500_000
    require_nothing_left(world)


@pytest.mark.parametrize("failure", [ProofFailedError("it generates nothing"), EngineError("it died")])
async def test_a_model_that_does_not_generate_is_not_published(world: World, failure: OutcropError) -> None:
    """Completed means that it has generated (invariant 2)."""

    async def prove(_model: ServableModel, _facts: ModelFacts) -> JsonObject:
        raise failure

    world.prove = prove
    job = await world.run()

    assert job.stage is Stage.FAILED
    assert str(failure) in job.failure_message
    require_nothing_left(world)


async def test_bytes_that_rot_in_the_vault_are_noticed(world: World) -> None:
    """Verify reads back what was stored, not what was sent."""
    finish = world.vault.finish

    async def rotting(upload: Upload, receipts: Sequence[str]) -> None:
        await finish(upload, receipts)
        if upload.path == "files/model.safetensors":
            world.vault.staged[upload.artifact_id][upload.path][2_000_000] ^= 1

    world.vault.finish = rotting
    job = await world.run()

    assert job.stage is Stage.FAILED
    assert "fails authentication" in job.failure_message
    require_nothing_left(world)


STEPS = [
    "plan",
    "check",
    "share",
    "prepare",
    "copy",
    "verify",
    "manifest",
    "prove",
    "publish",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["kill_before", "kill_after"])
async def test_a_killed_import_ends_like_one_that_was_not(world: World, step: str, moment: str) -> None:
    """Killed before any step, or between its work and its record: the next run ends the job once, whole."""
    with pytest.raises(Killed):
        await world.run(**{moment: step})

    await sweep(world.tools())
    job = await world.run()

    assert job.stage is Stage.COMPLETED
    assert len(world.catalog.model_rows) == 1
    assert list(world.vault.published) == [job.artifact_id]
    assert world.vault.staged == {}


async def test_what_was_copied_is_not_read_again(world: World) -> None:
    """After a kill, files that were recorded are not read a second time."""
    with pytest.raises(Killed):
        await world.run(kill_before="manifest")
    before = world.store.bytes_read

    await world.run()

    assert world.store.bytes_read == before


async def test_a_worker_that_was_given_up_publishes_nothing(world: World) -> None:
    """A job that was failed by another worker stays Failed, whatever this one still does."""
    with pytest.raises(Killed):
        await world.run(kill_before="publish")
    await world.catalog.jobs.move(
        sample_job().id, Stage.FAILED, allowed_from=frozenset(Stage) - ENDED, at=world.clock.now(), failure_message="x"
    )

    job = await world.run()

    assert (job.stage, job.failure_message) == (Stage.FAILED, "x")
    assert world.catalog.model_rows == {}


async def test_the_sweep_takes_orphans_only(world: World) -> None:
    """Bytes that neither a model nor an unended job owns go; all others stay."""
    await world.run()
    running = replace(sample_job(2), id="runningjob01")
    await world.catalog.jobs.create(running)
    for artifact_id in ("runningjob01", "orphan000001"):
        async with world.vault.create(artifact_id, "files/a", 1) as file:
            await file.write(0, b"a")

    await sweep(world.tools())

    assert await world.vault.artifact_ids() == sorted([sample_job().artifact_id, "runningjob01"])
