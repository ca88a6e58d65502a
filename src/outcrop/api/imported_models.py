"""GetImportedModel, ListImportedModels, DeleteImportedModel (SPEC 2.4 to 2.6)."""

from __future__ import annotations

from typing import Any

import structlog

from outcrop.api import pages
from outcrop.api.calls import Call, Reply
from outcrop.api.identifiers import identifier_of
from outcrop.api.services import Services
from outcrop.arn import Arn, ResourceKind
from outcrop.errors import StorageError, UnavailableError

log = structlog.get_logger()

CUSTOM_MODEL_UNITS_VERSION = "v1.0"


async def get_imported_model(call: Call, services: Services) -> Reply:
    """Describes one model."""
    tenant = call.caller.tenant
    model = await services.models.get(tenant, identifier_of(call.params["modelIdentifier"], ResourceKind.MODEL, tenant))
    output: dict[str, Any] = {
        "modelArn": model.arn,
        "modelName": model.name,
        "jobName": model.job_name,
        "jobArn": str(Arn(tenant=tenant, kind=ResourceKind.JOB, id=model.job_id)),
        "modelDataSource": {"s3DataSource": {"s3Uri": model.source_uri}},
        "creationTime": model.created_at,
        "modelArchitecture": model.facts.architecture,
        "instructSupported": model.facts.is_instruct,
        "customModelUnits": {
            "customModelUnitsPerModelCopy": model.facts.custom_model_units,
            "customModelUnitsVersion": CUSTOM_MODEL_UNITS_VERSION,
        },
    }
    if model.is_customer_key:
        output["modelKmsKeyArn"] = model.artifact.key_arn
    return Reply(output=output)


async def list_imported_models(call: Call, services: Services) -> Reply:
    """Lists models, newest first unless asked otherwise."""
    page = await services.models.find(call.caller.tenant, pages.query_of(call, key=services.page_token_key))
    return Reply(
        output={
            "modelSummaries": [
                {
                    "modelArn": model.arn,
                    "modelName": model.name,
                    "creationTime": model.created_at,
                    "instructSupported": model.facts.is_instruct,
                    "modelArchitecture": model.facts.architecture,
                }
                for model in page.items
            ],
            **pages.next_token(call, page, key=services.page_token_key),
        }
    )


async def delete_imported_model(call: Call, services: Services) -> Reply:
    """Deletes a model: first its wrapped key, so that nobody can load it again, then its copies, then its bytes."""
    tenant = call.caller.tenant
    model = await services.models.get(tenant, identifier_of(call.params["modelIdentifier"], ResourceKind.MODEL, tenant))
    is_last = await services.models.delete(tenant, model.id)
    await services.fleet.retire(model.arn)
    if is_last:
        try:
            await services.vault.delete(model.artifact.artifact_id)
        except (StorageError, UnavailableError) as error:
            # The model is gone for good, since nobody can unwrap its key; the bytes are swept at the next start.
            log.warning("bytes_left_behind", artifact_id=model.artifact.artifact_id, reason=str(error))
    log.info("model_deleted", model_arn=model.arn)
    return Reply()
