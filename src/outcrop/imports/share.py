"""The share step: content that is stored already, under the same key and in the same account, is not copied again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from outcrop.artifact.envelope import open_bytes
from outcrop.artifact.identity import content_sha256
from outcrop.artifact.manifest import (
    MANIFEST_PATH,
    CopiedFile,
    Manifest,
    ManifestFile,
    associated_data,
    digest,
)
from outcrop.errors import IntegrityError
from outcrop.imports.key_copies import copy_for, open_copy
from outcrop.imports.tools import ImportTools
from outcrop.records import ImportJob, JobNote, SourceObject

log = structlog.get_logger()


async def share(
    tools: ImportTools, job: ImportJob, chosen: Mapping[str, SourceObject]
) -> tuple[str, list[CopiedFile]] | None:
    """Points the job to an earlier import's artifact of the same content, with a wrapped key of its own.

    The job has listed the source and read of each file that is judged by now, with its own role: who may not read the
    source gets no model of it, whoever imported it before.

    Returns the digest of the artifact's manifest, and its files as if this job had copied them, to be verified; None
    when there is no such artifact.

    Raises:
        KeyUnavailableError, IntegrityError: the artifact cannot be opened.
        StorageError, UnavailableError: the vault or the key service is out of order, or away.
        IllegalMoveError: the job has ended, or is another worker's.
    """
    shared = await tools.artifacts.share(job.id, content_sha256(chosen), fence=job.fence)
    if shared is None:
        return None
    keys = tools.keys_of(job)
    data_key = await open_copy(keys, shared.opener)
    manifest = await _manifest(tools, shared.opener.artifact_id, data_key, sha256=shared.manifest_sha256)
    copy = await copy_for(keys, shared.opener, data_key, model_arn=job.model_arn, random_bytes=tools.random_bytes)
    await tools.jobs.record(job.id, JobNote(wrapped_key=copy.wrapped_key), fence=job.fence)
    log.info("artifact_shared", job_arn=job.arn, artifact_id=copy.artifact_id)
    return shared.manifest_sha256, [_as_copied(file) for file in manifest.files]


def require_manifest(job: ImportJob, files: Sequence[ManifestFile], *, sha256: str) -> str:
    """Returns the digest of a shared artifact's manifest, once what was read back of its files is what it lists.

    Raises:
        IntegrityError: it is not.
    """
    if digest(Manifest(artifact_id=job.artifact_id, files=tuple(files)).encode()) != sha256:
        raise IntegrityError("the files in the vault are not those that the artifact's manifest lists")
    return sha256


async def _manifest(tools: ImportTools, artifact_id: str, data_key: bytes, *, sha256: str) -> Manifest:
    size = await tools.vault.size(artifact_id, MANIFEST_PATH)
    sealed = await tools.vault.read(artifact_id, MANIFEST_PATH, 0, size)
    plaintext = open_bytes(
        data_key=data_key, associated_data=associated_data(artifact_id, MANIFEST_PATH), sealed=bytes(sealed)
    )
    return Manifest.decode(plaintext, sha256=sha256)


def _as_copied(file: ManifestFile) -> CopiedFile:
    return CopiedFile(
        path=file.path, size_bytes=file.size_bytes, header=file.header, crc64nvme=file.crc64nvme, source=file.source
    )
