"""Converse and ConverseStream (SPEC 3.4, 3.5 and 11), for every model with a chat template."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from outcrop.api import generate
from outcrop.api.calls import Call, Event, Reply
from outcrop.api.services import Services
from outcrop.errors import ValidationError
from outcrop.records import ImportedModel
from outcrop.serving import bodies
from outcrop.serving.converse import Conversation, ConverseRequest, read_request, whole_output
from outcrop.serving.reading import ReplyReader, as_chunk

REFUSAL = "This action doesn't support the model that you provided. Try again with a supported text or chat model."
"""AWS's words (SPEC 7.8.6), which clients look for."""

REFUSED_BY_AWS = frozenset({"qwen2", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_moe", "gpt_oss"})
"""Architectures that AWS's Converse refuses (SPEC 11.2 and 11.3), which the `bedrock` profile refuses too."""


async def converse(call: Call, services: Services) -> Reply:
    """Answers a conversation with the model's whole turn."""
    began = services.clock.monotonic()
    asked = await _read(call, services)
    engine_reply = await generate.ask(services, asked.model, asked.of_engine)
    reader, conversation = _readers(services, asked)
    with generate.in_api_errors(asked.model):
        deltas = reader.read(as_chunk(engine_reply))
        ending = reader.finish()
    events = [event for delta in (*deltas, *ending.deltas) for event in conversation.add(delta)]
    events += conversation.end(ending.end, latency_ms=services.ms_since(began))
    return Reply(output=whole_output(events))


async def converse_stream(call: Call, services: Services) -> Reply:
    """Answers a conversation piece by piece."""
    began = services.clock.monotonic()
    asked = await _read(call, services)
    return Reply(events=_events(services, asked, began))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    model: ImportedModel
    request: ConverseRequest
    of_engine: bodies.EngineRequest


async def _read(call: Call, services: Services) -> _Asked:
    model = await generate.model_of(call, services)
    require_converse(model, profile=services.profile)
    request = read_request(call.params)
    return _Asked(model=model, request=request, of_engine=await generate.fitted(services, model, request.chat))


def require_converse(model: ImportedModel, *, profile: str) -> None:
    """Raises ValidationError, in AWS's words, for a model that Converse does not work with."""
    if not model.facts.is_instruct or (profile == "bedrock" and model.facts.architecture in REFUSED_BY_AWS):
        raise ValidationError(REFUSAL)


def _readers(services: Services, asked: _Asked) -> tuple[ReplyReader, Conversation]:
    reader = ReplyReader(asked.request.chat, services.capabilities, services.new_tool_id)
    conversation = Conversation(
        stop_sequences=asked.request.chat.sampling.stop,
        response_paths=asked.request.response_paths,
        new_id=services.new_tool_id,
    )
    return reader, conversation


async def _events(services: Services, asked: _Asked, began: float) -> AsyncGenerator[Event, None]:
    reader, conversation = _readers(services, asked)
    has_begun = False
    async with aclosing(generate.stream(services, asked.model, asked.of_engine)) as chunks:
        with generate.in_api_errors(asked.model):
            async for chunk in chunks:
                deltas = reader.read(chunk)
                if not has_begun:
                    has_begun = True
                    for event in conversation.begin():
                        yield event
                for delta in deltas:
                    for event in conversation.add(delta):
                        yield event
            ending = reader.finish()
    for delta in ending.deltas:
        for event in conversation.add(delta):
            yield event
    for event in conversation.end(ending.end, latency_ms=services.ms_since(began)):
        yield event
