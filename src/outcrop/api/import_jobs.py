"""CreateModelImportJob, GetModelImportJob, ListModelImportJobs (SPEC 2.1 to 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outcrop import arn
from outcrop.api import pages
from outcrop.api.calls import Call, Reply
from outcrop.api.identifiers import identifier_of
from outcrop.api.services import Services
from outcrop.api.tags import tags_of
from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import (
    AccessDeniedError,
    KeyDeniedError,
    KeyUnavailableError,
    NetworkRefusedError,
    NetworkUnknownError,
    RoleRefusedError,
    ValidationError,
)
from outcrop.imports.job import stages_of, status
from outcrop.records import ImportJob, ImportRequest, Network, Progress, Stage, StageEntry


async def create_model_import_job(call: Call, services: Services) -> Reply:
    """Accepts an import. When this returns, the job is on the disk, and it will end."""
    request = _request_of(call.params)
    if request.network is not None:
        _require_network(request.network, services)
    tenant, now = call.caller.tenant, services.clock.now()
    key_arn = await _key_of(request, services, tenant)
    asked = ImportJob(
        id=arn.new_id(services.pick),
        tenant=tenant,
        request=request,
        model_id=arn.new_id(services.pick),
        principal_arn=call.caller.principal_arn,
        key_arn=key_arn,
        stage=Stage.QUEUED,
        created_at=now,
        modified_at=now,
        progress=Progress(entries=(StageEntry(stage=Stage.QUEUED, at=now),)),
    )
    await _check_role(asked, services)
    job = await services.jobs.create(asked, services.quotas)
    # A kill before the next line is mended at the next start, which starts every unended job.
    await services.job_engine.start(job.id, turn=job.turn)
    return Reply(output={"jobArn": job.arn})


async def get_model_import_job(call: Call, services: Services) -> Reply:
    """Describes one job."""
    tenant = call.caller.tenant
    identifier = identifier_of(call.params["jobIdentifier"], ResourceKind.JOB, tenant)
    job = await services.jobs.get(tenant, identifier, with_report=False)
    return Reply(
        output=_present(
            jobArn=job.arn,
            jobName=job.request.job_name,
            importedModelName=job.request.imported_model_name,
            importedModelArn=job.model_arn if job.stage is Stage.COMPLETED else None,
            roleArn=job.request.role_arn,
            modelDataSource={"s3DataSource": {"s3Uri": job.request.source_uri}},
            status=status(job.stage),
            failureMessage=job.failure_message,
            creationTime=job.created_at,
            lastModifiedTime=job.modified_at,
            endTime=job.ended_at,
            vpcConfig=_vpc_config(job.request.network),
            importedModelKmsKeyArn=job.key_arn if job.request.kms_key_id is not None else None,
        )
    )


async def list_model_import_jobs(call: Call, services: Services) -> Reply:
    """Lists jobs, newest first unless asked otherwise."""
    wanted = call.params.get("statusEquals")
    query = pages.query_of(call, key=services.page_token_key, stages=None if wanted is None else stages_of(wanted))
    page = await services.jobs.find(call.caller.tenant, query)
    return Reply(
        output={
            "modelImportJobSummaries": [_summary(job) for job in page.items],
            **pages.next_token(call, page, key=services.page_token_key),
        }
    )


async def _key_of(request: ImportRequest, services: Services, tenant: Tenant) -> str:
    """Returns the ARN of the key that the caller names; a service's own key that cannot be used is our fault."""
    try:
        keys = services.keys if request.network is None else services.networks.keys(request.network)
        return await keys.resolve(request.kms_key_id, tenant)
    except NetworkRefusedError as error:
        raise ValidationError(f"The vpcConfig does not lead to the key service: {error}") from error
    except KeyUnavailableError as error:
        if request.kms_key_id is None:
            raise
        if isinstance(error, KeyDeniedError):
            raise AccessDeniedError(f"The importedModelKmsKeyId cannot be used: {error}") from error
        raise ValidationError(f"The importedModelKmsKeyId cannot be used: {error}") from error


async def _check_role(job: ImportJob, services: Services) -> None:
    """Answers in AWS's words (SPEC 7.8.3) when the role may not be assumed; who assumes roles has logged why."""
    try:
        await services.check_role(job)
    except RoleRefusedError as error:
        raise ValidationError("The provided role ARN is invalid") from error
    except NetworkRefusedError as error:
        raise ValidationError(f"The vpcConfig does not lead to STS: {error}") from error


def _summary(job: ImportJob) -> Mapping[str, Any]:
    return _present(
        jobArn=job.arn,
        jobName=job.request.job_name,
        status=status(job.stage),
        lastModifiedTime=job.modified_at,
        creationTime=job.created_at,
        endTime=job.ended_at,
        importedModelArn=job.model_arn if job.stage is Stage.COMPLETED else None,
        importedModelName=job.request.imported_model_name,
    )


def _request_of(params: Mapping[str, Any]) -> ImportRequest:
    return ImportRequest(
        job_name=params["jobName"],
        imported_model_name=params["importedModelName"],
        role_arn=params["roleArn"],
        source_uri=params["modelDataSource"]["s3DataSource"]["s3Uri"],
        client_request_token=params.get("clientRequestToken"),
        kms_key_id=params.get("importedModelKmsKeyId"),
        network=_network_of(params.get("vpcConfig")),
        job_tags=tags_of(params.get("jobTags", ()), resource=params["jobName"]),
        model_tags=tags_of(params.get("importedModelTags", ()), resource=params["importedModelName"]),
    )


def _network_of(config: Mapping[str, Any] | None) -> Network | None:
    if config is None:
        return None
    return Network(subnet_ids=tuple(config["subnetIds"]), security_group_ids=tuple(config["securityGroupIds"]))


def _vpc_config(network: Network | None) -> Mapping[str, Any] | None:
    if network is None:
        return None
    return {"subnetIds": list(network.subnet_ids), "securityGroupIds": list(network.security_group_ids)}


def _require_network(network: Network, services: Services) -> None:
    """Refuses what means nothing here: ignoring it would send the import over a network that nobody chose."""
    for member, ids in (("subnetIds", network.subnet_ids), ("securityGroupIds", network.security_group_ids)):
        twice = next((item for index, item in enumerate(ids) if item in ids[:index]), None)
        if twice is not None:
            raise ValidationError(f"The vpcConfig.{member} names {twice} twice.")
    try:
        services.networks.require(network)
    except NetworkUnknownError as error:
        raise ValidationError(f"The vpcConfig cannot be used: {error}") from error


def _present(**members: Any) -> dict[str, Any]:
    """Leaves out what is not known: AWS omits such members rather than sending null."""
    return {name: value for name, value in members.items() if value is not None}
