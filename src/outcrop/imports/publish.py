"""How an import ends: the model becomes visible in one transaction, or everything of it goes."""

from __future__ import annotations

import structlog

from outcrop.errors import StorageError, UnavailableError
from outcrop.imports.job import ALLOWED_FROM
from outcrop.imports.measuring import count_end
from outcrop.imports.tools import ImportTools
from outcrop.imports.verify import candidate
from outcrop.records import ImportedModel, ImportJob, JsonObject, ModelFacts, Stage

log = structlog.get_logger()


async def publish(
    tools: ImportTools, job: ImportJob, *, sha256: str, content: str, facts: ModelFacts, evidence: JsonObject
) -> None:
    """Makes the artifact permanent, then the model visible and the job Completed, in one transaction.

    A kill between the two leaves a permanent artifact that the next attempt finds, and nobody sees until then.

    Raises:
        IllegalMoveError: the job has ended otherwise, or is another worker's.
    """
    await tools.vault.publish(job.artifact_id)
    await tools.journal.forget(job.artifact_id)
    model = ImportedModel(
        id=job.model_id,
        tenant=job.tenant,
        name=job.request.imported_model_name,
        job_id=job.id,
        job_name=job.request.job_name,
        source_uri=job.request.source_uri,
        created_at=tools.clock.now(),
        facts=facts,
        artifact=candidate(job, sha256).artifact,
        is_customer_key=job.request.kms_key_id is not None,
        evidence=evidence,
        tags=job.request.model_tags,
    )
    await tools.models.publish(
        model, content_sha256=content, allowed_from=ALLOWED_FROM[Stage.COMPLETED], fence=job.fence
    )
    count_end(tools.meter, job, model.created_at)
    log.info("import_completed", job_arn=job.arn, model_arn=model.arn)


async def discard(tools: ImportTools, job: ImportJob) -> None:
    """Takes a failing import's key away, unloads its copy, and removes the bytes that nobody else holds.

    What cannot be removed now is swept at the next start.

    Raises:
        IllegalMoveError: the job has ended, or is another worker's: its artifact is not this worker's to remove.
    """
    free = await tools.artifacts.release(job.id, fence=job.fence)
    await tools.retire(job.model_arn)
    for artifact_id in free:
        await tools.journal.forget(artifact_id)
        try:
            await tools.vault.delete(artifact_id)
        except (StorageError, UnavailableError) as error:
            log.warning("bytes_left_behind", job_arn=job.arn, artifact_id=artifact_id, reason=str(error))


async def sweep(tools: ImportTools) -> None:
    """Removes the bytes that neither a model nor an unended job holds: what a kill or an outage left behind.

    A vault that is away or refuses is swept at another start: the server lives without it, and says so when asked.
    """
    try:
        await _sweep(tools)
    except (StorageError, UnavailableError) as error:
        log.warning("not_swept", reason=str(error))


async def _sweep(tools: ImportTools) -> None:
    # Read in this order: what is begun between the reads is not in the vault's list, and what nobody holds at the
    # second one can be held by nobody later.
    stored = await tools.vault.artifact_ids()
    held = await tools.artifacts.held()
    for artifact_id in stored:
        if artifact_id not in held:
            await tools.vault.delete(artifact_id)
            log.info("orphan_swept", artifact_id=artifact_id)
