"""The copy stage: every file is read once and sealed in the same pass, part by part, straight into the vault.

    store ──socket──▶ segment ──▶ checksum ──▶ seal ──▶ vault        one thread a part, as many as there is memory for
                                                 └────▶ journal      parts that are in the vault for good, now and then

A part is recorded in the journal once its bytes are synced; what is recorded is not read again after a kill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from outcrop.artifact import checksum, envelope, keywrap
from outcrop.artifact.manifest import CopiedFile, associated_data, file_path
from outcrop.errors import IllegalMoveError, IntegrityError, SourceDamagedError
from outcrop.imports.outages import through_outages
from outcrop.imports.progress import ByteCounter
from outcrop.imports.sealing import Buffers, SealingSink
from outcrop.imports.streams import Streams
from outcrop.imports.tools import ImportTools
from outcrop.ports import ObjectStore
from outcrop.records import ImportJob, JobNote, Piece, SealedPart, SealedSoFar, SourceObject, Stage, Upload
from outcrop.records.measures import IMPORT_BYTES
from outcrop.tasks import Tasks

log = structlog.get_logger()

PART_SEGMENTS = 16
"""Segments of a part: 16 MiB. A request's latency does not count in it, and a kill costs little."""
MOST_PARTS = 9_000
"""S3 takes 10,000 parts of an upload: files of more than 140 GiB have larger ones."""
BYTES_IN_MEMORY_PER_PART = (PART_SEGMENTS + 2) * envelope.SEGMENT_BYTES
"""What a part takes on its way, at most: two segments, and in an S3 vault the whole part."""
FILES_AT_ONCE = 4
"""Enough that the small files of a model do not wait for each other; few enough that large ones end in turn."""
RECORD_EVERY_BYTES = 256 << 20
"""How much may have to be read again after a kill, besides the parts that were under way."""


async def make_data_key(tools: ImportTools, job: ImportJob) -> None:
    """Makes the artifact's data key and records its wrapped copy, unless an earlier attempt did.

    Raises:
        KeyUnavailableError: the key service does not make a key.
    """
    if job.wrapped_key is not None:
        return
    made = await tools.keys_of(job).generate_data_key(job.key_arn, keywrap.encryption_context(job.model_arn))
    wrapped = keywrap.wrap(
        data_key=tools.random_bytes(envelope.KEY_BYTES),
        wrapping_key=made.plaintext,
        wrapped_wrapping_key=made.wrapped,
        artifact_id=job.artifact_id,
        nonce=tools.random_bytes(keywrap.NONCE_BYTES),
    )
    await tools.jobs.record(job.id, JobNote(wrapped_key=wrapped), fence=job.fence)


async def open_data_key(tools: ImportTools, job: ImportJob) -> bytes:
    """Returns the artifact's data key. Raises KeyUnavailableError, IntegrityError."""
    if job.wrapped_key is None:
        raise IllegalMoveError(f"job {job.id} has no data key: it has ended, or was not prepared")
    wrapping_key = await tools.keys_of(job).unwrap(
        job.key_arn, keywrap.wrapped_wrapping_key(job.wrapped_key), keywrap.encryption_context(job.model_arn)
    )
    return keywrap.unwrap(wrapped=job.wrapped_key, wrapping_key=wrapping_key, artifact_id=job.artifact_id)


async def copy_files(
    tools: ImportTools,
    job: ImportJob,
    *,
    store: ObjectStore,
    chosen: Mapping[str, SourceObject],
    counter: ByteCounter,
) -> list[CopiedFile]:
    """Seals the chosen objects into the staged artifact, all synced when this returns; in the order of `chosen`.

    Args:
        tools: the ports and limits.
        job: whose artifact is written.
        store: where the objects are.
        chosen: the objects, pinned, by their path in the model.
        counter: is told of the bytes.

    Raises:
        SourceChangedError, SourceDeniedError, SourceMissingError: the source is no longer what was pinned.
        SourceDamagedError: an object's bytes are not those that its stored checksum is of, twice.
        StorageError: the vault cannot take the bytes.
        UnavailableError: the source or the vault was away for longer than an outage may last.
    """
    copier = Copier(tools, job, store=store, counter=counter, data_key=await open_data_key(tools, job))
    known = await tools.journal.find(job.artifact_id)
    places = asyncio.Semaphore(FILES_AT_ONCE)

    async def copy(path: str, source: SourceObject) -> CopiedFile:
        async with places:
            return await copier.copy(path, source, known.get(file_path(path)))

    async with Tasks() as tasks:
        copies = [tasks.create_task(copy(path, source)) for path, source in chosen.items()]
    return [each.result() for each in copies]


class Counts(Protocol):
    """Is told of bytes that are done."""

    async def add(self, count: int) -> None:
        """Counts bytes."""
        ...


class Copier:
    """What the copies of an import's files have in common."""

    def __init__(
        self, tools: ImportTools, job: ImportJob, *, store: ObjectStore, counter: Counts, data_key: bytes
    ) -> None:
        self._tools = tools
        self._job = job
        self._store = store
        self._counter = counter
        self._data_key = data_key
        self._buffers = Buffers()
        self._uploads: dict[str, Upload] = {}
        """The newest upload of each file that is known of."""
        self._streams = Streams(tools.clock)

    async def copy(self, path: str, source: SourceObject, known: SealedSoFar | None) -> CopiedFile:
        """Copies a file, or what is missing of it; once more from the beginning when its checksum is another."""
        try:
            return await self._attempt(path, source, known)
        except SourceDamagedError as error:
            # It may have been the way, not the object. Under a new header: no nonce seals two plaintexts.
            log.warning("read_again", job_arn=self._job.arn, source=error.key, reason=str(error))
            await self._counter.add(-source.size_bytes)
            return await self._attempt(path, source, None)

    async def _attempt(self, path: str, source: SourceObject, known: SealedSoFar | None) -> CopiedFile:
        tools = self._tools
        done = await self.begin(path, source, known)
        runs = _runs(source, done.upload)
        await self._counter.add(sum(runs[number].plain_bytes for number in done.parts))
        parts = await self.fill(path, source, done)
        copied = _held_against_stored(path, source, done.header, runs, parts)
        if await tools.staging.is_open(done.upload):
            await through_outages(
                lambda: tools.staging.finish(done.upload, [parts[number].receipt for number in range(len(runs))]),
                clock=tools.clock,
                outage_s=tools.outage_s,
            )
        return copied

    async def begin(self, path: str, source: SourceObject, known: SealedSoFar | None) -> SealedSoFar:
        """Returns what an interrupted copy of the file left, if it can be gone on with, or begins the file anew."""
        stored = file_path(path)
        if known is not None:
            self._uploads[stored] = known.upload
        return await self._taken_up(known, source) or await self._begun(stored, source)

    async def fill(
        self, path: str, source: SourceObject, done: SealedSoFar, wanted: range | None = None
    ) -> dict[int, SealedPart]:
        """Copies what is missing of the parts that are wanted, by default of all; returns every part that is known."""
        stored = file_path(path)
        sealed = envelope.SealedFile(
            data_key=self._data_key,
            associated_data=associated_data(self._job.artifact_id, stored),
            plain_bytes=source.size_bytes,
            header=done.header,
        )
        runs = _runs(source, done.upload)
        parts = dict(done.parts)
        missing = [number for number in (range(len(runs)) if wanted is None else wanted) if number not in parts]
        if missing:
            recorder = _Recorder(self._tools, done.upload)
            try:
                async with Tasks() as tasks:
                    for number in missing:
                        # Taken here, so that a file of a million parts makes tasks only as fast as there is memory for
                        # them, and given back by the task's end, so that one cancelled before it began gives it back.
                        await self._take_place()
                        tasks.create_task(
                            self._copy_part(source, sealed, done.upload, number, runs[number], parts, recorder)
                        ).add_done_callback(self._give_place_back)
            except asyncio.CancelledError:
                # The worker stops in good order: what is whole is kept.
                await recorder.record()
                raise
            await recorder.record()
        return parts

    async def _copy_part(
        self,
        source: SourceObject,
        sealed: envelope.SealedFile,
        upload: Upload,
        number: int,
        run: envelope.Run,
        parts: dict[int, SealedPart],
        recorder: _Recorder,
    ) -> None:
        tools, stored = self._tools, source.checksum
        wanted = stored if stored is not None and checksum.is_combinable(stored) else None
        with self._buffers.taken() as buffers, tools.staging.part(upload, number) as writer:
            sink = SealingSink(sealed, run, writer, buffers=buffers, stored=wanted)
            await through_outages(
                lambda: self._store.stream(source, sink.place, run.plain_end, sink),
                clock=tools.clock,
                outage_s=tools.outage_s,
                progress=lambda: sink.place,
            )
            receipt = await through_outages(writer.finish, clock=tools.clock, outage_s=tools.outage_s)
            parts[number] = sink.part(number, receipt)
        self._streams.finished(run.plain_bytes)
        tools.meter.add(IMPORT_BYTES, run.plain_bytes, stage=Stage.COPY.value)
        await self._counter.add(run.plain_bytes)
        await recorder.add(parts[number], run.plain_bytes)

    async def _take_place(self) -> None:
        await self._streams.acquire()
        try:
            await self._tools.runs_in_memory.acquire()
        except BaseException:
            self._streams.release()
            raise

    def _give_place_back(self, _task: asyncio.Task[None]) -> None:
        self._tools.runs_in_memory.release()
        self._streams.release()

    async def _taken_up(self, known: SealedSoFar | None, source: SourceObject) -> SealedSoFar | None:
        """Returns what an interrupted copy of the file left, if it can be gone on with."""
        if known is None or known.upload.size_bytes != envelope.sealed_size(source.size_bytes):
            return None
        if await self._tools.staging.is_open(known.upload):
            return known
        # Killed after it was finished: then the file is there, whole, under the header that was recorded.
        is_whole = len(known.parts) == known.upload.part_count
        return known if is_whole and await self._has_header(known) else None

    async def _has_header(self, known: SealedSoFar) -> bool:
        upload = known.upload
        try:
            found = await self._tools.vault.read(upload.artifact_id, upload.path, 0, len(known.header))
        except IntegrityError:
            return False
        return bytes(found) == known.header

    async def _begun(self, stored: str, source: SourceObject) -> SealedSoFar:
        tools = self._tools
        header = envelope.new_header(tools.random_bytes(envelope.HEADER_BYTES - 1))
        segments = envelope.segment_count(source.size_bytes)
        upload = await tools.staging.begin(
            self._job.artifact_id,
            stored,
            size_bytes=envelope.sealed_size(source.size_bytes),
            part_bytes=max(PART_SEGMENTS, -(-segments // MOST_PARTS)) * envelope.SEGMENT_BYTES,
        )
        await tools.journal.begin(upload, header, fence=self._job.fence)
        # Only now, when no other worker can have the job: what that one writes stays as it is.
        earlier = self._uploads.get(stored)
        if earlier is not None:
            await tools.staging.give_up(earlier)
        self._uploads[stored] = upload
        return SealedSoFar(upload=upload, header=header, parts={})


class _Recorder:
    """Writes finished parts of one file into the journal, many at once, after their bytes were synced."""

    def __init__(self, tools: ImportTools, upload: Upload) -> None:
        self._tools = tools
        self._upload = upload
        self._waiting: list[SealedPart] = []
        self._waiting_bytes = 0
        self._lock = asyncio.Lock()

    async def add(self, part: SealedPart, size_bytes: int) -> None:
        """Keeps a part in mind, and records all that wait when they are many bytes."""
        self._waiting.append(part)
        self._waiting_bytes += size_bytes
        if self._waiting_bytes >= RECORD_EVERY_BYTES and not self._lock.locked():
            await self.record()

    async def record(self) -> None:
        """Records what waits."""
        async with self._lock:
            parts, self._waiting, self._waiting_bytes = self._waiting, [], 0
            await self._tools.staging.sync(self._upload)
            await self._tools.journal.add(self._upload, parts)


def _runs(source: SourceObject, upload: Upload) -> Sequence[envelope.Run]:
    return envelope.runs(source.size_bytes, upload.part_bytes // envelope.SEGMENT_BYTES)


def _held_against_stored(
    path: str,
    source: SourceObject,
    header: bytes,
    runs: Sequence[envelope.Run],
    parts: Mapping[int, SealedPart],
) -> CopiedFile:
    """Returns the record of a file whose parts are all there. Raises SourceDamagedError."""
    in_order = [parts[number] for number in range(len(runs))]
    stored = source.checksum
    if stored is not None and checksum.is_combinable(stored):
        actual = checksum.of_pieces(stored, [piece for part in in_order for piece in part.pieces])
        if actual != stored.value:
            raise SourceDamagedError(str(source), algorithm=stored.algorithm, expected=stored.value, actual=actual)
    whole = checksum.combined(
        Piece(size_bytes=run.plain_bytes, value=part.crc64nvme) for run, part in zip(runs, in_order, strict=True)
    )
    return CopiedFile(
        path=path,
        size_bytes=source.size_bytes,
        header=header,
        crc64nvme=checksum.encoded(whole),
        source=source,
    )
