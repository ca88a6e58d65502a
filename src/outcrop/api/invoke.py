"""InvokeModel (SPEC 3.1 and 10): a body in any of the three schemas, answered by the model that was imported."""

from __future__ import annotations

import json

from outcrop.api.calls import Call, Reply
from outcrop.api.identifiers import identifier_of
from outcrop.api.services import Services
from outcrop.arn import ResourceKind
from outcrop.errors import (
    AccessDeniedError,
    EngineError,
    KeyUnavailableError,
    ModelFailedError,
    ServiceUnavailableError,
    StorageError,
    UnavailableError,
    ValidationError,
)
from outcrop.records import ImportedModel, JsonObject, ServableModel
from outcrop.serving import bodies

ENGINE_FAILED_STATUS = 500


async def invoke_model(call: Call, services: Services) -> Reply:
    """Generates once and returns the whole reply."""
    if call.params.get("guardrailIdentifier"):
        # Answering without the guardrail would let through what its owner forbids.
        raise ValidationError("guardrailIdentifier: this server has no guardrails.")
    tenant = call.caller.tenant
    model = await services.models.get(tenant, identifier_of(call.params["modelId"], ResourceKind.MODEL, tenant))
    request = bodies.parse(bytes(call.params.get("body", b"")))
    asked = bodies.engine_request(request, services.capabilities, model.facts)
    began = services.clock.monotonic()
    answered = bodies.answer(
        request,
        await _ask(services, model, asked),
        services.capabilities,
        bodies.ReplyIdentity(
            id=services.new_reply_id(),
            created=int(services.clock.now().timestamp()),
            model=f"{tenant.account}-{model.id}",
        ),
    )
    latency_ms = round((services.clock.monotonic() - began) * 1000)
    return Reply(
        output={"body": json.dumps(answered.body, ensure_ascii=False).encode(), "contentType": "application/json"},
        headers={
            "x-amzn-bedrock-invocation-latency": str(latency_ms),
            "x-amzn-bedrock-input-token-count": str(answered.input_tokens),
            "x-amzn-bedrock-output-token-count": str(answered.output_tokens),
        },
    )


async def _ask(services: Services, model: ImportedModel, asked: bodies.EngineRequest) -> JsonObject:
    """Sends a request to a copy of the model; what goes wrong behind the API is told in the API's errors."""
    try:
        async with services.fleet.copy_of(ServableModel(arn=model.arn, artifact=model.artifact)) as engine:
            return await engine.post(asked.path, asked.body)
    except KeyUnavailableError as error:
        raise AccessDeniedError(f"The key of {model.arn} cannot be used.") from error
    except EngineError as error:
        raise ModelFailedError(
            "The model's inference engine failed. Try your request again.",
            original_status=ENGINE_FAILED_STATUS,
            resource_name=model.arn,
        ) from error
    except (UnavailableError, StorageError) as error:
        raise ServiceUnavailableError("The model cannot be loaded at present. Try your request again.") from error
