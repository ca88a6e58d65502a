"""The verify stage: what the vault holds is read back, authenticated, and held against the digests of what was read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from outcrop.artifact import envelope
from outcrop.artifact.manifest import MANIFEST_PATH, Manifest, ManifestFile, associated_data, digest
from outcrop.errors import IntegrityError
from outcrop.imports.copy import open_data_key
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools, ReadableArtifact
from outcrop.records import ArtifactRef, ImportJob, ServableModel
from outcrop.tasks import Tasks


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


async def verify(tools: ImportTools, model: ServableModel, counter: ByteCounter) -> None:
    """Reads every file back the way that serving will. Raises IntegrityError when a single byte differs."""
    artifact = await tools.open_artifact(model)
    async with Tasks() as tasks:
        for file in artifact.manifest.files:
            sealed = await artifact.open_file(file)
            runs = envelope.runs(file.size_bytes, file.run_segments)
            for run, expected in zip(runs, file.run_sha256, strict=True):
                await tools.runs_in_memory.acquire()
                tasks.create_task(_verify_run(artifact, file, run, sealed, expected, counter)).add_done_callback(
                    lambda _: tools.runs_in_memory.release()
                )


async def _verify_run(
    artifact: ReadableArtifact,
    file: ManifestFile,
    run: envelope.Run,
    sealed: envelope.SealedFile,
    expected: str,
    counter: ByteCounter,
) -> None:
    plaintext = await artifact.read_run(file, run, sealed)
    found = await asyncio.to_thread(lambda: hashlib.sha256(plaintext).hexdigest())
    if found != expected:
        raise IntegrityError(f"{file.path} was not stored as it was read: bytes {run.plain_begin} to {run.plain_end}")
    await counter.add(run.plain_bytes)
