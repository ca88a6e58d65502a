"""What the runtime operations share: finding a model, asking a copy of it, and telling failures in the API's errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from outcrop.api.calls import Call
from outcrop.api.identifiers import identifier_of
from outcrop.api.services import Services
from outcrop.arn import ResourceKind
from outcrop.errors import (
    AccessDeniedError,
    EngineError,
    KeyUnavailableError,
    ModelFailedError,
    NotEnoughMemoryError,
    ServiceUnavailableError,
    StorageError,
    UnavailableError,
    ValidationError,
)
from outcrop.records import ImportedModel, JsonObject, ServableModel
from outcrop.records.measures import TOKENS
from outcrop.serving import bodies, fit
from outcrop.serving.capabilities import Feature
from outcrop.serving.fit import prompt_of, surely_fits

ENGINE_FAILED_STATUS = 500


async def model_of(call: Call, services: Services) -> ImportedModel:
    """Returns the model that a runtime call names. Raises NotFoundError, ValidationError."""
    tenant = call.caller.tenant
    return await services.models.get(tenant, identifier_of(call.params["modelId"], ResourceKind.MODEL, tenant))


async def fitted(services: Services, model: ImportedModel, request: bodies.InvokeRequest) -> bodies.EngineRequest:
    """Returns what to ask an engine, once it is known that prompt and reply fit into the model's context.

    Raises:
        ValidationError: they do not; or the engine, or the model's template, lacks what was asked for.
    """
    asked = bodies.engine_request(request, services.capabilities, model.facts)
    with in_api_errors(model):
        if "tools" in asked.body and not await services.prompts.takes_tools(servable(services, model)):
            raise ValidationError("tools: the chat template of this model does not tell it of tools")
        seen = next((member for member, feature in request.features if feature is Feature.IMAGES), None)
        if seen is not None and not await services.prompts.takes_images(servable(services, model)):
            # `transformers serve` would pass them over in silence.
            raise ValidationError(f"{seen}: this model takes no images")
        if surely_fits(asked, model.facts):
            return asked
        count = await services.prompts.count(servable(services, model), prompt_of(asked))
    return fit.fitted(asked, count, model.facts)


async def count(services: Services, model: ImportedModel, request: bodies.InvokeRequest) -> int:
    """Returns how many tokens a prompt has, without an engine. Raises ValidationError where only an engine knows."""
    asked = bodies.engine_request(request, services.capabilities, model.facts)
    with in_api_errors(model):
        found = await services.prompts.count(servable(services, model), prompt_of(asked))
    if found.why_not_exact:
        raise ValidationError(f"The tokens of this input cannot be counted: {found.why_not_exact}.")
    return found.tokens


async def ask(services: Services, model: ImportedModel, asked: bodies.EngineRequest) -> JsonObject:
    """Sends a request to a copy of the model and returns the engine's reply. Raises RequestError."""
    with in_api_errors(model):
        async with (
            _telling_refusals(services, model, asked),
            services.fleet.copy_of(servable(services, model)) as engine,
        ):
            reply = await engine.post(asked.path, asked.body)
    _count_tokens(services, reply)
    return reply


async def stream(
    services: Services, model: ImportedModel, asked: bodies.EngineRequest
) -> AsyncGenerator[JsonObject, None]:
    """Sends a request to a copy of the model and yields the chunks of the reply; closing it frees the engine.

    Raises:
        RequestError: as `ask` does, at any chunk.
    """
    usage: JsonObject = {}
    with in_api_errors(model):
        async with (
            _telling_refusals(services, model, asked),
            services.fleet.copy_of(servable(services, model)) as engine,
            aclosing(engine.stream(asked.path, asked.body)) as chunks,
        ):
            async for chunk in chunks:
                # Only the last chunks tell it, and each that does tells it of the whole reply.
                usage = chunk if chunk.get("usage") else usage
                yield chunk
    _count_tokens(services, usage)


@asynccontextmanager
async def _telling_refusals(
    services: Services, model: ImportedModel, asked: bodies.EngineRequest
) -> AsyncIterator[None]:
    """Says what the chat template says, where an engine fails on a conversation that the template refuses.

    Many take no system prompt, or no turns but alternating ones; `transformers serve` answers that with status 500.
    """
    try:
        yield
    except ModelFailedError as error:
        refusal = await services.prompts.refusal(servable(services, model), prompt_of(asked))
        if refusal:
            raise ValidationError(f"messages: the chat template of this model refuses them: {refusal}") from error
        raise


def _count_tokens(services: Services, told: JsonObject) -> None:
    """Counts the tokens that an engine tells of; a reply that was broken off is not counted."""
    usage = told.get("usage")
    if isinstance(usage, dict):
        for direction, member in (("input", "prompt_tokens"), ("output", "completion_tokens")):
            count = usage.get(member)
            if isinstance(count, int) and count > 0:
                services.meter.add(TOKENS, count, direction=direction)


@contextmanager
def in_api_errors(model: ImportedModel) -> Iterator[None]:
    """Turns what goes wrong behind the API, or an engine's nonsense, into the API's errors."""
    try:
        yield
    except KeyUnavailableError as error:
        raise AccessDeniedError(f"The key of {model.arn} cannot be used.") from error
    except EngineError as error:
        raise ModelFailedError(
            "The model's inference engine failed. Try your request again.",
            original_status=ENGINE_FAILED_STATUS,
            resource_name=model.arn,
        ) from error
    except NotEnoughMemoryError as error:
        raise ServiceUnavailableError(
            f"The model cannot be loaded at present: {error}. Try your request again."
        ) from error
    except (UnavailableError, StorageError) as error:
        raise ServiceUnavailableError("The model cannot be loaded at present. Try your request again.") from error


def servable(services: Services, model: ImportedModel) -> ServableModel:
    """Returns what a copy is made from."""
    is_kept_warm = not services.keep_warm.isdisjoint((model.name, model.arn))
    return ServableModel(
        arn=model.arn,
        artifact=model.artifact,
        memory_bytes=model.facts.copy_bytes,
        is_kept_warm=is_kept_warm,
    )
