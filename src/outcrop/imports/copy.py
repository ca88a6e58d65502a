"""The copy stage: each file is read once and sealed in the same pass, straight into the vault."""

from __future__ import annotations

import asyncio
import hashlib

from outcrop.artifact import envelope, keywrap
from outcrop.artifact.manifest import ManifestFile, associated_data, file_path
from outcrop.errors import IllegalMoveError
from outcrop.imports.outages import through_outages
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools
from outcrop.ports import Buffer, ObjectStore, VaultFile
from outcrop.records import ImportJob, JobNote, SourceObject
from outcrop.tasks import Tasks

RUN_SEGMENTS = 8
"""Segments read, sealed and written at once: 8 MiB, large enough that a request's latency does not count."""
BYTES_IN_MEMORY_PER_RUN = 2 * RUN_SEGMENTS * envelope.SEGMENT_BYTES
"""A run on its way takes room for its plaintext and for its ciphertext."""


async def make_data_key(tools: ImportTools, job: ImportJob) -> None:
    """Makes the artifact's data key and records its wrapped copy, unless an earlier attempt did.

    Raises:
        KeyUnavailableError: the key service does not make a key.
    """
    if job.wrapped_key is not None:
        return
    made = await tools.keys.generate_data_key(job.key_arn, keywrap.encryption_context(job.model_arn))
    wrapped = keywrap.wrap(
        data_key=tools.random_bytes(envelope.KEY_BYTES),
        wrapping_key=made.plaintext,
        wrapped_wrapping_key=made.wrapped,
        artifact_id=job.artifact_id,
        nonce=tools.random_bytes(keywrap.NONCE_BYTES),
    )
    await tools.jobs.record(job.id, JobNote(wrapped_key=wrapped))


async def open_data_key(tools: ImportTools, job: ImportJob) -> bytes:
    """Returns the artifact's data key. Raises KeyUnavailableError, IntegrityError."""
    if job.wrapped_key is None:
        raise IllegalMoveError(f"job {job.id} has no data key: it has ended, or was not prepared")
    wrapping_key = await tools.keys.unwrap(
        job.key_arn, keywrap.wrapped_wrapping_key(job.wrapped_key), keywrap.encryption_context(job.model_arn)
    )
    return keywrap.unwrap(wrapped=job.wrapped_key, wrapping_key=wrapping_key, artifact_id=job.artifact_id)


async def copy_file(
    tools: ImportTools, job: ImportJob, *, store: ObjectStore, source: SourceObject, path: str, counter: ByteCounter
) -> ManifestFile:
    """Seals one object into the staged artifact; synced when this returns.

    Raises:
        SourceChangedError, SourceDeniedError, SourceMissingError: the source is no longer what was pinned.
        StorageError: the vault cannot take the bytes.
        UnavailableError: the source or the vault was away for longer than an outage may last.
    """
    stored = file_path(path)
    sealed = envelope.SealedFile(
        data_key=await open_data_key(tools, job),
        associated_data=associated_data(job.artifact_id, stored),
        plain_bytes=source.size_bytes,
        header=envelope.new_header(tools.random_bytes(envelope.HEADER_BYTES - 1)),
    )
    runs = envelope.runs(source.size_bytes, RUN_SEGMENTS)
    digests = [""] * len(runs)

    async def copy_run(number: int, run: envelope.Run, target: VaultFile) -> None:
        data = await through_outages(
            lambda: store.read(source, run.plain_begin, run.plain_end), clock=tools.clock, outage_s=tools.outage_s
        )
        ciphertext, digests[number] = await asyncio.to_thread(_seal, sealed, run, data)
        await target.write(run.sealed_begin, ciphertext)
        await counter.add(run.plain_bytes)

    async with tools.vault.create(job.artifact_id, stored, envelope.sealed_size(source.size_bytes)) as target:
        await target.write(0, sealed.header)
        async with Tasks() as tasks:
            for number, run in enumerate(runs):
                # Taken here, so that a file of a million runs makes tasks only as fast as there is memory for them,
                # and given back by the task's end, so that one cancelled before it began gives it back too.
                await tools.runs_in_memory.acquire()
                tasks.create_task(copy_run(number, run, target)).add_done_callback(
                    lambda _: tools.runs_in_memory.release()
                )
    return ManifestFile(
        path=path,
        size_bytes=source.size_bytes,
        run_segments=RUN_SEGMENTS,
        run_sha256=tuple(digests),
        source=source,
    )


def _seal(sealed: envelope.SealedFile, run: envelope.Run, data: Buffer) -> tuple[memoryview, str]:
    ciphertext = memoryview(bytearray(run.sealed_bytes))
    sealed.seal(run, data, ciphertext)
    return ciphertext, hashlib.sha256(data).hexdigest()
