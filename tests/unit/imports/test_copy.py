"""The copy and verify stages: what is read again after a kill, and what is held against the store's checksums."""

import base64
import hashlib
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from awscrt import checksums
from tests.samples import sample_job
from tests.unit.imports.test_pipeline import Killed, World

from outcrop.artifact import envelope
from outcrop.artifact.manifest import CopiedFile, ManifestFile, associated_data, file_path
from outcrop.errors import IntegrityError, SourceDamagedError, UnavailableError
from outcrop.imports import copy
from outcrop.imports.copy import copy_files, make_data_key, open_data_key
from outcrop.imports.progress import ByteCounter
from outcrop.imports.verify import verify_files
from outcrop.ports import ByteSink, PartWriter
from outcrop.records import Checksum, ChecksumType, ImportJob, SealedPart, SourceObject, Stage, Upload
from outcrop.testing.store import FakeObjectStore

pytestmark = pytest.mark.anyio

PART = envelope.SEGMENT_BYTES
SIZES = {"a.json": 0, "b.json": 17, "model.safetensors": 12 * PART + 12345}
DATA = {path: random.Random(path).randbytes(size) for path, size in SIZES.items()}
WEIGHTS = DATA["model.safetensors"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 1 MiB, each recorded at once."""
    monkeypatch.setattr(copy, "PART_SEGMENTS", 1)
    monkeypatch.setattr(copy, "RECORD_EVERY_BYTES", 1)


class Copies:
    """A world whose bucket holds three files, and a job that copies them."""

    def __init__(self) -> None:
        self.world = World(FakeObjectStore({"b": dict(DATA)}))
        self.store = self.world.store

    async def job(self) -> ImportJob:
        """The job, with its data key."""
        catalog = self.world.catalog.jobs
        if not self.world.catalog.job_rows:
            job = await catalog.create(sample_job())
            await catalog.move(job.id, Stage.COPY, allowed_from=frozenset(Stage), at=self.world.clock.now())
        await make_data_key(self.world.tools(), await catalog.get(None, sample_job().id))
        return await catalog.get(None, sample_job().id)

    async def copy(self) -> list[CopiedFile]:
        """Copies, as a step that runs for the first time or again."""
        job, tools = await self.job(), self.world.tools()
        chosen = {}
        async for item in self.store.list(copy_location()):
            chosen[item.key] = await self.store.pin(item)
        return await copy_files(tools, job, store=self.store, chosen=chosen, counter=self.counter(job))

    async def verify(self, files: list[CopiedFile]) -> list[ManifestFile]:
        """Reads back."""
        job = await self.job()
        return await verify_files(self.world.tools(), job, files, self.counter(job))

    def counter(self, job: ImportJob) -> ByteCounter:
        """Counts for nobody."""
        return ByteCounter(
            jobs=self.world.catalog.jobs, clock=self.world.clock, job=job, done=0, total=sum(SIZES.values())
        )

    async def opened(self, path: str) -> bytes:
        """What the staged file holds."""
        job = await self.job()
        stored = file_path(path)
        return envelope.open_bytes(
            data_key=await open_data_key(self.world.tools(), job),
            associated_data=associated_data(job.artifact_id, stored),
            sealed=bytes(self.world.vault.staged[job.artifact_id][stored]),
        )


def copy_location() -> object:
    """Everything."""
    from outcrop.records import SourceLocation

    return SourceLocation.parse("s3://b/")


def fail_reads(store: FakeObjectStore, failing: Callable[[SourceObject, int, int], BaseException | None]) -> None:
    """Makes some streams fail before their first byte."""
    stream = store.stream

    async def failed(source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        error = failing(source, start, end)
        if error is not None:
            raise error
        await stream(source, start, end, sink)

    store.stream = failed  # type: ignore[method-assign]


async def test_every_file_is_sealed_as_it_was_read() -> None:
    """Empty, tiny and of many parts; and the record has the CRC64NVME that S3 would keep."""
    copies = Copies()

    files = await copies.copy()

    assert [file.path for file in files] == list(SIZES)
    for file in files:
        assert await copies.opened(file.path) == DATA[file.path]
        assert base64.b64decode(file.crc64nvme) == checksums.crc64nvme(DATA[file.path]).to_bytes(8, "big")
    assert copies.world.vault.uploads == {}


async def test_after_a_kill_only_what_is_missing_is_read() -> None:
    """Killed in the tenth part of a file, the next attempt reads from there, counted at the source."""
    copies = Copies()
    killed_at = envelope.plain_start(9)
    fail_reads(copies.store, lambda _, start, __: Killed() if start == killed_at else None)
    with pytest.raises(Killed):
        await copies.copy()
    job = await copies.job()
    recorded = (await copies.world.journal.find(job.artifact_id))[file_path("model.safetensors")].parts
    copies.store.stream = FakeObjectStore.stream.__get__(copies.store)
    before = copies.store.bytes_read

    files = await copies.copy()

    read_again = copies.store.bytes_read - before
    assert len(recorded) >= 4
    assert read_again == len(WEIGHTS) - sum(envelope.plain_start(n + 1) - envelope.plain_start(n) for n in recorded)
    assert await copies.opened("model.safetensors") == WEIGHTS
    assert base64.b64decode(files[2].crc64nvme) == checksums.crc64nvme(WEIGHTS).to_bytes(8, "big")


async def test_a_part_is_recorded_after_it_was_synced() -> None:
    """Between a part's end and its record, the file is synced: what the journal says is there after a power cut."""
    copies, happened = Copies(), list[tuple[str, str, int]]()
    vault, journal = copies.world.vault, copies.world.journal
    finished_part, sync, add = vault.part, vault.sync, journal.add

    @contextmanager
    def part(upload: Upload, number: int) -> Iterator[PartWriter]:
        with finished_part(upload, number) as writer:
            yield writer
        happened.append(("written", upload.id, number))

    async def synced(upload: Upload) -> None:
        # What is written while a sync goes on may have missed it.
        happened.append(("sync", upload.id, 0))
        await sync(upload)

    async def added(upload: Upload, parts: Sequence[SealedPart]) -> None:
        happened.extend(("recorded", upload.id, each.number) for each in parts)
        await add(upload, parts)

    vault.part, vault.sync, journal.add = part, synced, added  # type: ignore[method-assign, assignment]
    await copies.copy()

    recorded = [event for event in happened if event[0] == "recorded"]
    assert len(recorded) == 15
    for event in recorded:
        _, upload, number = event
        written = happened.index(("written", upload, number))
        assert ("sync", upload, 0) in happened[written : happened.index(event)]


async def test_a_copy_that_was_whole_is_not_read_again() -> None:
    """Killed between the work and its record: nothing is read of the source."""
    copies = Copies()
    first = await copies.copy()
    before = copies.store.bytes_read

    second = await copies.copy()

    assert copies.store.bytes_read == before
    assert second == first


async def test_an_upload_that_the_vault_lost_is_begun_anew() -> None:
    """What a sweep or another hand removed is copied again, whole."""
    copies = Copies()
    await copies.copy()
    copies.world.vault.staged.clear()

    await copies.copy()

    assert await copies.opened("model.safetensors") == WEIGHTS


async def test_a_source_that_breaks_again_and_again_is_read_to_its_end() -> None:
    """Each break that comes after progress is a new outage, however many there are."""
    copies = Copies()
    read = copies.store.read
    breaks = []

    async def breaking(source: SourceObject, start: int, end: int) -> object:
        if end - start > 1000:
            breaks.append(start)
            if len(breaks) % 2:
                raise UnavailableError("S3", "reset")
        return await read(source, start, min(end, start + 300_000))

    stream = copies.store.stream

    async def partly(source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        await stream(source, start, end, sink)
        if end - start > 300_000:
            raise UnavailableError("S3", "ended early")

    copies.store.read, copies.store.stream = breaking, partly  # type: ignore[method-assign]
    await copies.copy()

    assert len(breaks) > 60
    assert await copies.opened("model.safetensors") == WEIGHTS


def whole(algorithm: str, digest: bytes) -> Checksum:
    """A checksum of a whole object."""
    return Checksum(algorithm=algorithm, value=base64.b64encode(digest).decode(), type=ChecksumType.FULL_OBJECT)


def composite(algorithm: str, of: Callable[[bytes], bytes], part_bytes: int = 5_000_000) -> Checksum:
    """A checksum of the checksums of parts."""
    cut = [WEIGHTS[begin : begin + part_bytes] for begin in range(0, len(WEIGHTS), part_bytes)]
    return Checksum(
        algorithm=algorithm,
        value=base64.b64encode(of(b"".join(of(part) for part in cut))).decode(),
        type=ChecksumType.COMPOSITE,
        part_bytes=tuple(len(part) for part in cut),
    )


def crc32(data: bytes) -> bytes:
    """As S3 keeps it."""
    return zlib.crc32(data).to_bytes(4, "big")


def crc32c(data: bytes) -> bytes:
    """As S3 keeps it."""
    return checksums.crc32c(data).to_bytes(4, "big")


STORED = {
    "CRC64NVME": whole("CRC64NVME", checksums.crc64nvme(WEIGHTS).to_bytes(8, "big")),
    "CRC32": whole("CRC32", crc32(WEIGHTS)),
    "CRC32C": whole("CRC32C", crc32c(WEIGHTS)),
    "SHA256": whole("SHA256", hashlib.sha256(WEIGHTS).digest()),
    "SHA1": whole("SHA1", hashlib.sha1(WEIGHTS).digest()),
    "CRC32 of parts": composite("CRC32", crc32),
    "CRC32C of parts": composite("CRC32C", crc32c),
    "SHA256 of parts": composite("SHA256", lambda data: hashlib.sha256(data).digest()),
}


@pytest.mark.parametrize("kind", STORED)
async def test_a_stored_checksum_that_is_right_passes(kind: str) -> None:
    """Every algorithm that S3 keeps and that can be computed, of the object and of its parts."""
    copies = Copies()
    copies.store.checksums["model.safetensors"] = STORED[kind]

    entries = await copies.verify(await copies.copy())

    assert entries[2].source.checksum == STORED[kind]
    assert copies.store.bytes_read == sum(SIZES.values())


@pytest.mark.parametrize("kind", STORED)
async def test_bytes_that_the_store_does_not_keep_fail(kind: str) -> None:
    """Wrong bytes with the right length and ETag are noticed by the checksum that the store keeps."""
    copies = Copies()
    wrong = {**STORED}[kind]
    copies.store.checksums["model.safetensors"] = replace(wrong, value="AAAA" + wrong.value[4:])

    with pytest.raises(SourceDamagedError, match=r"s3://b/model\.safetensors was read with"):
        await copies.verify(await copies.copy())


async def test_bytes_that_were_damaged_on_the_way_are_read_again() -> None:
    """Under a new header, since no nonce may seal two plaintexts."""
    copies = Copies()
    copies.store.checksums["model.safetensors"] = STORED["CRC64NVME"]
    read = copies.store.read
    damaged = []

    async def damaging(source: SourceObject, start: int, end: int) -> object:
        data = await read(source, start, end)
        if start == envelope.plain_start(3) and not damaged:
            damaged.append(start)
            return memoryview(bytes(end - start))
        return data

    copies.store.read = damaging  # type: ignore[method-assign]
    begun = []
    begin = copies.world.journal.begin

    async def watched(upload: object, header: bytes, *, fence: int | None) -> None:
        begun.append(header)
        await begin(upload, header, fence=fence)

    copies.world.journal.begin = watched  # type: ignore[method-assign]
    await copies.copy()

    assert await copies.opened("model.safetensors") == WEIGHTS
    assert len(begun) == len(set(begun)) == len(SIZES) + 1
    assert copies.world.vault.uploads == {}, "what was damaged takes no space"


async def test_the_entry_has_the_sha256_of_each_run() -> None:
    """The manifest tells the digests of the plaintext, made of what the vault gave back."""
    copies = Copies()

    entries = await copies.verify(await copies.copy())

    runs = envelope.runs(len(WEIGHTS), entries[2].run_segments)
    assert entries[2].run_sha256 == tuple(
        hashlib.sha256(WEIGHTS[run.plain_begin : run.plain_end]).hexdigest() for run in runs
    )


async def test_an_older_copy_under_the_same_name_is_noticed() -> None:
    """A file that was sealed for this very artifact and path, but at another time, has another header."""
    copies = Copies()
    files = await copies.copy()
    job = await copies.job()
    older = dict(copies.world.vault.staged[job.artifact_id])
    copies.world.vault.staged.clear()
    copies.world.journal.files.clear()
    made = iter(range(5000, 6000))
    tools = copies.world.tools
    copies.world.tools = lambda: replace(  # type: ignore[method-assign]
        tools(), random_bytes=lambda count: hashlib.shake_256(str(next(made)).encode()).digest(count)
    )
    files = await copies.copy()
    copies.world.vault.staged[job.artifact_id]["files/b.json"] = older["files/b.json"]

    with pytest.raises(IntegrityError, match=r"b\.json"):
        await copies.verify(files)
