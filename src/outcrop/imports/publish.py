"""How an import ends: the model becomes visible in one transaction, or everything of it goes."""

from __future__ import annotations

import structlog

from outcrop.errors import StorageError, UnavailableError
from outcrop.imports.job import ALLOWED_FROM
from outcrop.imports.tools import ImportTools
from outcrop.imports.verify import candidate
from outcrop.records import ImportedModel, ImportJob, JsonObject, ModelFacts, Stage

log = structlog.get_logger()


async def publish(tools: ImportTools, job: ImportJob, *, sha256: str, facts: ModelFacts, evidence: JsonObject) -> None:
    """Makes the artifact permanent, then the model visible and the job Completed, in one transaction.

    A kill between the two leaves a permanent artifact that the next attempt finds, and nobody sees until then.

    Raises:
        IllegalMoveError: the job has ended otherwise.
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
    await tools.models.publish(model, allowed_from=ALLOWED_FROM[Stage.COMPLETED])
    log.info("import_completed", job_arn=job.arn, model_arn=model.arn)


async def discard(tools: ImportTools, job: ImportJob) -> None:
    """Unloads and removes what a failing import made. What cannot be removed now is swept at the next start."""
    await tools.drain(job.model_arn)
    await tools.journal.forget(job.artifact_id)
    try:
        await tools.vault.delete(job.artifact_id)
    except (StorageError, UnavailableError) as error:
        log.warning("bytes_left_behind", job_arn=job.arn, artifact_id=job.artifact_id, reason=str(error))


async def sweep(tools: ImportTools) -> None:
    """Removes the bytes that neither a model nor an unended job owns: what a kill or an outage left behind.

    A vault that is away or refuses is swept at another start: the server lives without it, and says so when asked.
    """
    try:
        await _sweep(tools)
    except (StorageError, UnavailableError) as error:
        log.warning("not_swept", reason=str(error))


async def _sweep(tools: ImportTools) -> None:
    # Read in this order: an artifact that is begun, or published, between the reads is never taken for an orphan.
    held = await tools.vault.artifact_ids()
    owned = {job.artifact_id for job in await tools.jobs.unfinished()} | set(await tools.models.artifact_ids())
    for artifact_id in held:
        if artifact_id not in owned:
            await tools.vault.delete(artifact_id)
            log.info("orphan_swept", artifact_id=artifact_id)
