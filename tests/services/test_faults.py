"""Imports whose source or vault misbehaves: each ends as it should, says why and leaves nothing; the next one works."""

import base64
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from awscrt import checksums

from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.adapters.vault_local import LocalVault
from outcrop.errors import OutcropError
from outcrop.imports import copy
from outcrop.records import ImportJob, Stage
from outcrop.testing.catalog import FakeCatalog
from tests.contract.s3_vaults import open_vault
from tests.samples import sample_job
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3
from tests.unit.imports.test_pipeline import MODEL, World

pytestmark = pytest.mark.anyio

WEIGHTS = "m/model.safetensors"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """The example model in a bucket, and an empty one; faults hit large reads only, as copies are."""
    monkeypatch.setattr(copy, "PART_SEGMENTS", 1)
    with faulty_s3(["models", "vault"]) as state:
        for path in MODEL.iterdir():
            data = path.read_bytes()
            crc = base64.b64encode(checksums.crc64nvme(data).to_bytes(8, "big")).decode()
            headers = {"x-amz-checksum-crc64nvme": crc, "x-amz-checksum-type": "FULL_OBJECT"}
            state.put("models", f"m/{path.name}", data, headers)
        state.faults_from_bytes = 900_000
        yield state


@pytest.fixture
async def world(server: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The pipeline on a real store and a real folder, with a clock that waits for nobody."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    store: Any = S3ObjectStore(session, {})
    vault: Any = LocalVault(tmp_path / "vault")
    made = World(store, vault=vault)
    await made.catalog.jobs.create(sample_job())
    return made


async def require_nothing_left(world: World) -> None:
    """Neither files nor uploads, models or records."""
    assert await world.vault.artifact_ids() == []
    assert world.journal.files == {}
    assert world.catalog.model_rows == {}


async def imported(world: World) -> ImportJob:
    """Runs an import of the same model anew, on the same store and vault."""
    world.records.clear()
    world.catalog = FakeCatalog()
    await world.catalog.jobs.create(sample_job())
    return await world.run()


async def test_every_read_asks_for_the_pinned_object(world: World, server: FaultyS3) -> None:
    """If-Match goes with each range, of the check and of the copy, also after a break."""
    server.faults.extend([Fault.NONE, Fault.RESET])
    etags = {f'"{stored.etag.strip(chr(34))}"' for stored in server.buckets["models"].values()}

    job = await world.run()

    assert job.stage is Stage.COMPLETED, job.failure_message
    assert len(server.conditions) > len(server.buckets["models"])
    assert set(server.conditions) == etags


@pytest.mark.parametrize(
    "fault",
    [Fault.RESET, Fault.SHORT, Fault.STALL, Fault.SLOW_DOWN, Fault.INTERNAL, Fault.EXPIRED, Fault.WRONG],
)
async def test_what_may_pass_costs_time_only(world: World, server: FaultyS3, fault: Fault) -> None:
    """The import is Completed, and what is stored is what the store keeps."""
    if fault is Fault.STALL:
        # Only here: on a busy machine, a good server is silent for as long.
        world.store._ranges._stall_s = 0.3
    server.faults.extend([Fault.NONE, fault, fault] if fault is not Fault.WRONG else [Fault.NONE, fault])

    job = await world.run()

    assert job.stage is Stage.COMPLETED, job.failure_message
    assert not server.faults


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.DENIED, "may not read s3://models/m/model.safetensors: it lacks s3:GetObject (403 AccessDenied)"),
        (Fault.CHANGED, "s3://models/m/model.safetensors changed while it was being imported"),
        (Fault.CHANGED_UNNOTICED, "s3://models/m/model.safetensors changed while it was being imported"),
    ],
)
async def test_what_will_not_pass_ends_the_import_at_once(
    world: World, server: FaultyS3, fault: Fault, says: str
) -> None:
    """Without another attempt, naming the object."""
    server.faults.append(fault)
    weights = server.buckets["models"][WEIGHTS]

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert says in job.failure_message
    assert world.clock.monotonic() == 0
    await require_nothing_left(world)
    server.buckets["models"][WEIGHTS] = weights
    assert (await imported(world)).stage is Stage.COMPLETED


async def test_an_object_that_is_deleted_meanwhile_is_named(world: World, server: FaultyS3) -> None:
    """A 404 ends the import."""
    create = world.vault.begin

    async def deleting(*args: Any, **kwargs: Any) -> Any:
        server.buckets["models"].pop(WEIGHTS, None)
        return await create(*args, **kwargs)

    world.vault.begin = deleting
    job = await world.run()

    assert (job.stage, job.failure_message) == (Stage.FAILED, f"s3://models/{WEIGHTS} is gone.")
    await require_nothing_left(world)


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.EXPIRED])
async def test_what_does_not_pass_ends_after_the_outage(world: World, server: FaultyS3, fault: Fault) -> None:
    """A deadline, told in the message; then the job ends, however patient each part of it is."""
    server.fault_for_all = fault

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert "S3 at http" in job.failure_message
    # The last waits of parts that wait at the same time add up on this clock.
    assert 30 <= world.clock.monotonic() <= 120
    await require_nothing_left(world)
    server.fault_for_all = Fault.NONE
    assert (await imported(world)).stage is Stage.COMPLETED


async def test_bytes_that_stay_wrong_fail_with_both_checksums(world: World, server: FaultyS3) -> None:
    """The right length and ETag are no proof."""
    server.fault_for_all = Fault.WRONG

    job = await world.run()

    stored = server.buckets["models"][WEIGHTS].headers["x-amz-checksum-crc64nvme"]
    assert job.stage is Stage.FAILED
    assert f"the store keeps {stored}" in job.failure_message
    await require_nothing_left(world)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, "QuotaExceeded"), "403 QuotaExceeded"),
        ((403, "AccessDenied"), "403 AccessDenied"),
        ((507, "InsufficientStorage"), "507 InsufficientStorage"),
        ((404, "NoSuchBucket"), "404 NoSuchBucket"),
    ],
)
async def test_a_bucket_that_takes_nothing_fails_the_import(
    world: World, server: FaultyS3, answer: tuple[int, str], says: str
) -> None:
    """A quota, a policy, a full store, a bucket that went: the operator's words reach the job."""
    vault: Any = open_vault(server.url)
    world.vault = vault
    server.put_error = answer

    job = await world.run()

    assert job.stage is Stage.FAILED
    assert job.failure_message.startswith("The model could not be stored: the vault at s3://vault/team/outcrop/")
    assert says in job.failure_message
    assert server.uploads == {}
    await require_nothing_left(world)
    server.put_error = None
    assert (await imported(world)).stage is Stage.COMPLETED


async def test_a_quota_that_is_reached_meanwhile_aborts_the_uploads(world: World, server: FaultyS3) -> None:
    """Parts that were uploaded are not left to be paid for."""
    vault: Any = open_vault(server.url)
    world.vault = vault
    put_part = vault.put_part

    async def reached(upload: Any, number: int, data: bytearray) -> str:
        if number == 1:
            server.put_error = (403, "QuotaExceeded")
        return str(await put_part(upload, number, data))

    vault.put_part = reached
    job = await world.run()

    assert job.stage is Stage.FAILED
    assert server.uploads == {}
    assert server.buckets["vault"] == {}


async def test_a_bucket_that_is_away_for_a_while_is_waited_for(world: World, server: FaultyS3) -> None:
    """A part is sent again; nothing of the source is read again for it."""
    vault: Any = open_vault(server.url)
    world.vault = vault
    put_part, refused = vault.put_part, []

    async def away(upload: Any, number: int, data: bytearray) -> str:
        if number == 1 and len(refused) < 2:
            refused.append(number)
            server.put_error = (503, "SlowDown")
        else:
            server.put_error = None
        return str(await put_part(upload, number, data))

    vault.put_part = away
    job = await world.run()

    assert job.stage is Stage.COMPLETED, job.failure_message
    read = [span for key, span in server.gets if key == WEIGHTS]
    assert len(read) == len(set(read))


def failing(number: int) -> Callable[..., Any]:
    """A system call that fails."""

    def fail(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("call", "number", "says"),
    [
        ("posix_fallocate", errno.ENOSPC, "No space left on device"),
        ("pwrite", errno.ENOSPC, "No space left on device"),
        ("pwrite", errno.EDQUOT, "Disk quota exceeded"),
        ("pwrite", errno.EIO, "Input/output error"),
        ("fdatasync", errno.EIO, "Input/output error"),
        ("fsync", errno.EROFS, "Read-only file system"),
    ],
)
async def test_a_disk_that_fails_fails_the_import(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, number: int, says: str
) -> None:
    """Whatever the file system refuses, and wherever, in its own words."""
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        if call == "posix_fallocate":
            patch.setattr("outcrop.adapters.local_files.WITHOUT_EXTENTS", frozenset())
        job = await world.run()

    assert job.stage is Stage.FAILED
    assert job.failure_message.startswith("The model could not be stored: the vault at ")
    assert says in job.failure_message
    assert (await imported(world)).stage is Stage.COMPLETED


async def test_a_mount_that_vanishes_fails_the_import(world: World, tmp_path: Path) -> None:
    """The folder is gone in the middle of a copy; once it is back, imports work again."""
    begin, gone = world.vault.begin, []

    async def vanishing(*args: Any, **kwargs: Any) -> Any:
        upload = await begin(*args, **kwargs)
        if "safetensors" in args[1] and not gone:
            gone.append(True)
            # Renamed, since the copies of small files may be writing there: a folder that fills is not to be removed.
            (tmp_path / "vault").rename(tmp_path / "gone")
        return upload

    world.vault.begin = vanishing
    job = await world.run()

    assert job.stage is Stage.FAILED
    assert "the vault at" in job.failure_message
    with pytest.raises(OutcropError):
        await world.vault.artifact_ids()
    world.vault = LocalVault(tmp_path / "vault")  # type: ignore[assignment]
    assert (await imported(world)).stage is Stage.COMPLETED
