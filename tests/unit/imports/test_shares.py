"""An import that several workers copy: how it is cut, and that it ends as if one had."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import TENANT, sample_job, sample_reading
from tests.unit.imports.test_pipeline import MODEL, Killed, World, require_nothing_left, world

from outcrop.artifact import envelope
from outcrop.errors import SourceDeniedError
from outcrop.imports import copy
from outcrop.imports.shares import cut, ranges_of
from outcrop.records import ServableModel, SourceObject, Stage, Upload
from outcrop.serving.unsealing import open_artifact
from outcrop.testing.store import FakeObjectStore

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SIZES = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 300)), max_size=8)


@pytest.fixture
def divided(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The example model, in parts and shares of 1 MiB."""
    monkeypatch.setattr(copy, "PART_SEGMENTS", 1)
    monkeypatch.setattr(copy, "RECORD_EVERY_BYTES", 1)
    world.share_bytes = envelope.SEGMENT_BYTES
    return world


@given(sizes=SIZES, share_bytes=st.integers(1, 4000))
def test_every_part_is_in_one_share(sizes: list[tuple[int, int]], share_bytes: int) -> None:
    """In order; and no share but the last is smaller than was asked for, or much larger."""
    files = []
    for number, (size, part) in enumerate(sizes):
        source = SourceObject(bucket="b", key=f"{number}", size_bytes=size, etag="e")
        files.append((f"{number}", source, Upload(artifact_id="a", path="p", id="u", size_bytes=size, part_bytes=part)))

    shares = cut(files, share_bytes)

    uploads = {path: upload for path, _, upload in files}
    found = [(each.path, part) for share in shares for each in share for part in range(each.first, each.stop)]
    assert found == [(path, part) for path, upload in uploads.items() for part in range(upload.part_count)]
    weights = [
        sum(uploads[each.path].size_of(part) for each in share for part in range(each.first, each.stop))
        for share in shares
    ]
    assert all(share_bytes <= weight < share_bytes + 300 for weight in weights[:-1])


async def test_a_divided_import_ends_as_any_other(divided: World) -> None:
    """Every byte is read once, and the model is what one worker would have made."""
    job = await divided.run()

    model = await divided.catalog.models.get(TENANT, "model-1")
    artifact = await open_artifact(
        ServableModel(arn=model.arn, artifact=model.artifact), sample_reading(divided.vault, divided.keys)
    )
    assert job.stage is Stage.COMPLETED
    assert len([name for name in divided.records if name.startswith("share ")]) > 2
    for path, _ in artifact.files:
        assert await artifact.read(path) == (MODEL / path).read_bytes()
    assert (divided.vault.staged, divided.vault.uploads, divided.journal.files) == ({}, {}, {})


async def test_an_import_of_one_share_is_not_divided(world: World) -> None:
    """Small models pay nothing for what large ones need."""
    await world.run()

    assert [name for name in world.records if name.startswith("share ")] == []
    assert world.records["prepare"] == {"done": None}


@pytest.mark.parametrize("killed", ["prepare", "copy", "verify"])
async def test_a_kill_costs_no_byte_twice(divided: World, killed: str) -> None:
    """What shares have copied is in the journal, whoever goes on."""
    with pytest.raises(Killed):
        await divided.run(kill_before=killed)
    job = await divided.run()

    undisturbed = World(FakeObjectStore(divided.store.buckets))
    await undisturbed.catalog.jobs.create(sample_job())
    await undisturbed.run()
    assert job.stage is Stage.COMPLETED
    assert divided.store.bytes_read == undisturbed.store.bytes_read


async def test_a_share_that_is_done_again_changes_nothing(divided: World) -> None:
    """Two workers may have it at once: its bytes are those that are there."""
    with pytest.raises(Killed):
        await divided.run(kill_before="copy")
    before = divided.store.bytes_read
    shares = divided.records["prepare"]["done"]  # type: ignore[index,call-overload]
    for share in shares:  # type: ignore[union-attr]
        assert ranges_of(share)
        assert await divided.pipeline().run_share(sample_job().id, share) == {"done": None}

    assert divided.store.bytes_read == before
    assert (await divided.run()).stage is Stage.COMPLETED


async def test_a_share_that_fails_fails_the_import(divided: World) -> None:
    """With its reason, as if the job's own worker had found it."""
    with pytest.raises(Killed):
        await divided.run(kill_after="prepare")
    stream = divided.store.stream

    async def denied(source: SourceObject, start: int, end: int, sink: object) -> None:
        if source.key.endswith(".safetensors"):
            raise SourceDeniedError(f"{source} may not be read")
        await stream(source, start, end, sink)  # type: ignore[arg-type]

    divided.store.stream = denied  # type: ignore[method-assign]
    job = await divided.run()

    assert job.stage is Stage.FAILED
    assert "model.safetensors" in str(job.failure_message)
    require_nothing_left(divided)


async def test_a_share_of_a_job_that_has_ended_is_nothing(divided: World) -> None:
    """It waited in the queue until its job had failed."""
    with pytest.raises(Killed):
        await divided.run(kill_before="copy")
    shares = divided.records["prepare"]["done"]  # type: ignore[index,call-overload]
    await divided.catalog.jobs.move(
        sample_job().id, Stage.FAILED, allowed_from=frozenset({Stage.COPY}), at=divided.clock.now(), failure_message="x"
    )
    before = divided.store.bytes_read

    assert await divided.pipeline().run_share(sample_job().id, shares[0]) == {"done": None}  # type: ignore[index]
    assert divided.store.bytes_read == before
