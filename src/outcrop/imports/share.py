"""The share step: content that is stored already, under the same key and in the same account, is not copied again."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from outcrop.artifact.identity import content_sha256
from outcrop.imports.key_copies import copy_for
from outcrop.imports.tools import ImportTools
from outcrop.records import ImportJob, JobNote, SourceObject

log = structlog.get_logger()


async def share(tools: ImportTools, job: ImportJob, chosen: Mapping[str, SourceObject]) -> str | None:
    """Points the job to an earlier import's artifact of the same content, with a wrapped key of its own.

    The job has listed the source and read of each kind of file by now, with its own role: who may not read the
    source gets no model of it, whoever imported it before.

    Returns the digest of the artifact's manifest; None when there is no such artifact.

    Raises:
        KeyUnavailableError, IntegrityError: the artifact's data key cannot be had.
        IllegalMoveError: the job has ended.
    """
    shared = await tools.artifacts.share(job.id, content_sha256(chosen))
    if shared is None:
        return None
    copy = await copy_for(tools.keys, shared.opener, job.model_arn, random_bytes=tools.random_bytes)
    await tools.jobs.record(job.id, JobNote(wrapped_key=copy.wrapped_key))
    log.info("artifact_shared", job_arn=job.arn, artifact_id=copy.artifact_id)
    return shared.manifest_sha256
