"""InvokeModel and InvokeModelWithResponseStream (SPEC 3.1, 3.2 and 10): a body in any schema, answered by the model."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from outcrop.api import generate
from outcrop.api.calls import Call, Event, Reply
from outcrop.api.services import Services
from outcrop.arn import ResourceKind
from outcrop.errors import ValidationError
from outcrop.records import ImportedModel, JsonObject
from outcrop.serving import bodies
from outcrop.serving.bodies import ChunkWriter, InvokeRequest, ReplyIdentity, Schema, Timings
from outcrop.serving.reading import ReplyReader, tool_names, with_calls

_encode = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: json.dumps would make an encoder for each chunk."""

FORMAT_TAG = "outcrop:body-format"
"""The tag of a model that is to answer prompts as models did that were imported before 2025-11-11 (SPEC 10.4)."""


async def invoke_model(call: Call, services: Services) -> Reply:
    """Generates once and returns the whole reply."""
    began = services.clock.monotonic()
    asked = await _read(call, services)
    engine_reply = await generate.ask(services, asked.model, asked.of_engine)
    engine_reply = with_calls(engine_reply, tool_names(asked.request), services.new_tool_id)
    with generate.in_api_errors(asked.model):
        answered = bodies.answer(asked.request, engine_reply, services.capabilities, _identity(services, asked.model))
    return Reply(
        output={"body": _json(answered.body), "contentType": "application/json"},
        headers={
            "x-amzn-bedrock-invocation-latency": str(services.ms_since(began)),
            "x-amzn-bedrock-input-token-count": str(answered.input_tokens),
            "x-amzn-bedrock-output-token-count": str(answered.output_tokens),
        },
    )


async def invoke_model_with_response_stream(call: Call, services: Services) -> Reply:
    """Generates once and returns the reply piece by piece."""
    began = services.clock.monotonic()
    asked = await _read(call, services)
    return Reply(output={"contentType": "application/json"}, events=_events(services, asked, began))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    model: ImportedModel
    request: InvokeRequest
    of_engine: bodies.EngineRequest


async def _read(call: Call, services: Services) -> _Asked:
    if call.params.get("guardrailIdentifier"):
        # Answering without the guardrail would let through what its owner forbids.
        raise ValidationError("guardrailIdentifier: this server has no guardrails.")
    model = await generate.model_of(call, services)
    request = await parsed(bytes(call.params.get("body", b"")), services, model)
    return _Asked(model=model, request=request, of_engine=await generate.fitted(services, model, request))


async def parsed(body: bytes, services: Services, model: ImportedModel) -> InvokeRequest:
    """Reads a body, in the format of prompts that the model keeps from an older import. Raises ValidationError."""
    request = bodies.parse(body)
    if request.schema is Schema.CHAT:
        return request
    tags = await services.tags.get(model.tenant, ResourceKind.MODEL, model.id)
    older = bodies.OLDER_FORMATS.get(next((tag.value for tag in tags if tag.key == FORMAT_TAG), ""))
    return request if older is None else bodies.parse(body, older)


async def _events(services: Services, asked: _Asked, began: float) -> AsyncGenerator[Event, None]:
    reader = ReplyReader(asked.request, services.capabilities, services.new_tool_id)
    writer = ChunkWriter(asked.request, _identity(services, asked.model))
    first_ms: int | None = None
    async with aclosing(generate.stream(services, asked.model, asked.of_engine)) as chunks:
        with generate.in_api_errors(asked.model):
            async for chunk in chunks:
                for delta in reader.read(chunk):
                    first_ms = services.ms_since(began) if first_ms is None else first_ms
                    yield _chunk(writer.piece(delta))
            ending = reader.finish()
    for delta in ending.deltas:
        yield _chunk(writer.piece(delta))
    whole_ms = services.ms_since(began)
    timings = Timings(first_ms=whole_ms if first_ms is None else first_ms, whole_ms=whole_ms)
    for last in writer.last(ending.end, timings):
        yield _chunk(last)


def _chunk(document: JsonObject) -> Event:
    return {"chunk": {"bytes": _json(document)}}


def _json(document: JsonObject) -> bytes:
    try:
        return _encode(document).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as engines stream the halves of an emoji apart: escapes keep it for the client to join.
        return json.dumps(document).encode()


def _identity(services: Services, model: ImportedModel) -> ReplyIdentity:
    return ReplyIdentity(
        id=services.new_reply_id(),
        created=int(services.clock.now().timestamp()),
        model=f"{model.tenant.account}-{model.id}",
    )
