"""The verify stage: what the vault holds is read back, authenticated, and held against what was read of the source.

What was copied carries a CRC64NVME of the bytes as they came. Here the sealed bytes are opened, which proves that they
are those that were sealed, and their CRC64NVME must be the same; then the SHA-256 of each run is that of the source's
bytes, and goes into the manifest (docs/decisions/0022-where-digests-are-made.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence

from outcrop.artifact import checksum, envelope
from outcrop.artifact.manifest import (
    MANIFEST_PATH,
    CopiedFile,
    Manifest,
    ManifestFile,
    associated_data,
    digest,
    file_path,
)
from outcrop.errors import IntegrityError, SourceDamagedError
from outcrop.imports.copy import open_data_key
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools
from outcrop.ports import Buffer
from outcrop.records import ArtifactRef, ImportJob, Piece, ServableModel, Stage
from outcrop.records.measures import IMPORT_BYTES
from outcrop.tasks import Tasks

RUN_SEGMENTS = 8
"""Segments that are read and opened at once, here and when a model is loaded: 8 MiB."""


async def write_manifest(tools: ImportTools, job: ImportJob, files: Sequence[ManifestFile]) -> str:
    """Seals the manifest into the staged artifact and returns its digest, the artifact's identity."""
    manifest = Manifest(artifact_id=job.artifact_id, files=tuple(files)).encode()
    sealed = envelope.seal_bytes(
        data_key=await open_data_key(tools, job),
        associated_data=associated_data(job.artifact_id, MANIFEST_PATH),
        plaintext=manifest,
        random_bytes=tools.random_bytes(envelope.HEADER_BYTES - 1),
    )
    async with tools.vault.create(job.artifact_id, MANIFEST_PATH, len(sealed)) as target:
        await target.write(0, sealed)
    return digest(manifest)


def candidate(job: ImportJob, manifest_sha256: str) -> ServableModel:
    """Returns the model as it will be, to be read and proven before it is published."""
    return ServableModel(
        arn=job.model_arn,
        artifact=ArtifactRef(
            artifact_id=job.artifact_id,
            manifest_sha256=manifest_sha256,
            key_arn=job.key_arn,
            wrapped_key=job.wrapped_key or b"",
        ),
    )


async def verify_files(
    tools: ImportTools, job: ImportJob, files: Sequence[CopiedFile], counter: ByteCounter
) -> list[ManifestFile]:
    """Reads every file back and returns its entry in the manifest.

    Raises:
        IntegrityError: a single byte differs from what was read of the source.
        SourceDamagedError: what was read is not what the store keeps a SHA of.
    """
    data_key = await open_data_key(tools, job)
    found = []
    for file in files:
        reading = _Reading(tools, job, file, data_key=data_key, counter=counter)
        found.append(await reading.entry())
    return found


class _Reading:
    """One file, read back."""

    def __init__(
        self, tools: ImportTools, job: ImportJob, file: CopiedFile, *, data_key: bytes, counter: ByteCounter
    ) -> None:
        self._tools = tools
        self._artifact_id = job.artifact_id
        self._file = file
        self._stored = file_path(file.path)
        self._counter = counter
        self._sealed = envelope.SealedFile(
            data_key=data_key,
            associated_data=associated_data(job.artifact_id, self._stored),
            plain_bytes=file.size_bytes,
            header=file.header,
        )
        kept = file.source.checksum
        self._in_order = checksum.InOrder(kept) if kept is not None and checksum.is_sequential(kept) else None

    async def entry(self) -> ManifestFile:
        """Reads the file and returns its entry."""
        file = self._file
        header = await self._tools.vault.read(self._artifact_id, self._stored, 0, envelope.HEADER_BYTES)
        if bytes(header) != file.header:
            raise IntegrityError(f"{file.path} in the vault is not the file that was written there")
        runs = envelope.runs(file.size_bytes, RUN_SEGMENTS)
        found = [("", 0)] * len(runs)
        turns = [asyncio.Event() for _ in range(len(runs) + 1)]
        turns[0].set()

        async def read(number: int) -> None:
            found[number] = await self._read(runs[number], turns[number], turns[number + 1])

        async with Tasks() as tasks:
            for number in range(len(runs)):
                await self._tools.runs_in_memory.acquire()
                tasks.create_task(read(number)).add_done_callback(lambda _: self._tools.runs_in_memory.release())
        self._require([Piece(size_bytes=run.plain_bytes, value=crc) for run, (_, crc) in zip(runs, found, strict=True)])
        return ManifestFile(
            path=file.path,
            size_bytes=file.size_bytes,
            header=file.header,
            crc64nvme=file.crc64nvme,
            run_segments=RUN_SEGMENTS,
            run_sha256=tuple(sha256 for sha256, _ in found),
            source=file.source,
        )

    async def _read(self, run: envelope.Run, turn: asyncio.Event, next_turn: asyncio.Event) -> tuple[str, int]:
        """Returns SHA-256 and CRC64NVME of a run; a checksum that needs the bytes in order gets them in turn."""
        ciphertext = await self._tools.vault.read(
            self._artifact_id, self._stored, run.sealed_begin, run.sealed_begin + run.sealed_bytes
        )
        kept = None if self._in_order is None else memoryview(bytearray(run.plain_bytes))
        found = await asyncio.to_thread(_judged, self._sealed, run, ciphertext, kept)
        if self._in_order is not None and kept is not None:
            await turn.wait()
            await asyncio.to_thread(self._in_order.update, kept)
            next_turn.set()
        self._tools.meter.add(IMPORT_BYTES, run.plain_bytes, stage=Stage.VERIFY.value)
        await self._counter.add(run.plain_bytes)
        return found

    def _require(self, pieces: Sequence[Piece]) -> None:
        file, kept = self._file, self._file.source.checksum
        if checksum.encoded(checksum.combined(pieces)) != file.crc64nvme:
            raise IntegrityError(f"{file.path} was not stored as it was read")
        if self._in_order is not None and kept is not None and self._in_order.value() != kept.value:
            raise SourceDamagedError(
                str(file.source), algorithm=kept.algorithm, expected=kept.value, actual=self._in_order.value()
            )


class _Scratch(threading.local):
    """A thread's own memory for a segment."""

    def __init__(self) -> None:
        self.plain = memoryview(bytearray(envelope.SEGMENT_BYTES))


_scratch = _Scratch()


def _judged(
    sealed: envelope.SealedFile, run: envelope.Run, ciphertext: Buffer, kept: memoryview | None
) -> tuple[str, int]:
    """Opens a run and returns its SHA-256 and CRC64NVME. Blocks.

    A segment at a time, in memory that stays in the core's cache: that takes a sixth less time than the run at once.

    Args:
        sealed: the file.
        run: which segments.
        ciphertext: theirs.
        kept: takes the plaintext of all; None: nobody needs it any more.
    """
    sha256, crc, whole = hashlib.sha256(), 0, memoryview(ciphertext)
    for segment in run.segments():
        at = segment.plain_begin - run.plain_begin
        plaintext = _scratch.plain[: segment.plain_bytes] if kept is None else kept[at : at + segment.plain_bytes]
        begin = segment.sealed_begin - run.sealed_begin
        sealed.open(segment, whole[begin : begin + segment.sealed_bytes], plaintext)
        sha256.update(plaintext)
        crc = checksum.crc64nvme(plaintext, crc)
    return sha256.hexdigest(), crc
