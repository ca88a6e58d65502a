"""Turns a typed request into what an engine is asked: a path of the OpenAI API and a body. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue, ModelFacts
from outcrop.serving.bodies.request import InvokeRequest, Sampling, Schema
from outcrop.serving.bodies.tool_choice import call_schema, require_alone
from outcrop.serving.capabilities import Capabilities, SamplingDialect

DEFAULT_MAX_TOKENS = 512
"""Tokens when the caller sets no limit: what Meta's and Mistral's own models on Bedrock default to. AWS documents none
for imported models (SPEC U16)."""

CHAT_PATH = "/v1/chat/completions"
COMPLETION_PATH = "/v1/completions"

GENERATION_CONFIG_OPTIONS = ("top_k", "min_p", "repetition_penalty")
"""Options that are sampling parameters, and travel with them."""

SHORT_ID_FAMILIES = frozenset({"mistral", "mixtral"})
SHORT_ID_LETTERS = 9
"""Mistral's chat templates refuse ids of tool calls that are not nine letters and digits; callers' may be any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """What to post to an engine."""

    path: str
    body: JsonObject = field(repr=False)
    is_cut_to_context: bool = False
    """Whether it asks for fewer tokens than the caller, since the model's context has room for no more."""


def engine_request(request: InvokeRequest, capabilities: Capabilities, facts: ModelFacts) -> EngineRequest:
    """Returns what to ask the engine.

    A temperature that the caller does not give is left to the model's own generation_config.json, which both engines
    read; where that says nothing, `transformers serve` is greedy and vLLM samples at 1.

    Raises:
        ValidationError: the engine lacks something that was asked for, or the model has no chat template.
    """
    _require_supported(request, capabilities)
    if request.schema is Schema.CHAT and not facts.is_instruct:
        raise ValidationError("messages: this model has no chat template; use prompt")
    asked: dict[str, JsonValue] = {"max_tokens": _max_tokens(request.sampling, facts)}
    if request.sampling.stop:
        asked["stop"] = list(request.sampling.stop)
    if capabilities.sampling is SamplingDialect.OPENAI:
        asked |= _openai_sampling(request.sampling) | _openai_options(request.options)
    else:
        asked |= _generation_config(request)
    if request.schema is Schema.CHAT:
        has_short_ids = facts.architecture in SHORT_ID_FAMILIES
        messages = map(_with_short_ids, request.messages) if has_short_ids else request.messages
        asked["messages"] = [said for message in messages for said in _messages(message, capabilities)]
        if "tools" in asked:
            asked |= _tool_members(asked, capabilities)
        return EngineRequest(path=CHAT_PATH, body=asked)
    asked["prompt"] = request.prompt
    return EngineRequest(path=COMPLETION_PATH, body=asked)


def _require_supported(request: InvokeRequest, capabilities: Capabilities) -> None:
    for member, feature in request.features:
        if feature not in capabilities.features:
            raise ValidationError(f"{member}: the engine ({capabilities.engine}) does not support {feature}")


def _tool_members(asked: JsonObject, capabilities: Capabilities) -> JsonObject:
    """Returns what a request with tools says besides."""
    if "tool_choice" not in asked:
        return capabilities.tool_members
    if not capabilities.is_held_to_calls:
        return {}
    require_alone(asked)
    schema = call_schema(asked["tools"], asked["tool_choice"])
    return {**capabilities.tool_members, "structured_outputs": {"json": schema}}


def _max_tokens(sampling: Sampling, facts: ModelFacts) -> int:
    """No reply can be longer than the context; the default leaves half of a short one to the prompt."""
    if sampling.max_tokens is None:
        return max(1, min(DEFAULT_MAX_TOKENS, facts.context_length // 2))
    return max(1, min(sampling.max_tokens, facts.context_length))


def _openai_sampling(sampling: Sampling) -> dict[str, JsonValue]:
    """A nucleus of 0 holds the likeliest token only, and vLLM refuses it as a number: it is asked for as greedy."""
    if sampling.top_p == 0:
        return {"temperature": 0}
    given: dict[str, JsonValue] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    return {member: value for member, value in given.items() if value is not None}


def _openai_options(options: JsonObject) -> dict[str, JsonValue]:
    asked = dict(options)
    if asked.pop("return_logprobs", None):
        asked |= {"logprobs": 1, "return_tokens_as_token_ids": True}
    return asked


def _generation_config(request: InvokeRequest) -> dict[str, JsonValue]:
    """Says how to sample: transformers does so only when told, and takes top-k and the like nowhere else.

    What the JSON leaves out comes from the model's own generation_config.json (`_prepare_generation_config`).
    """
    sampling = request.sampling
    config: dict[str, JsonValue] = {
        member: value for member, value in request.options.items() if member in GENERATION_CONFIG_OPTIONS
    }
    rest = {member: value for member, value in request.options.items() if member not in GENERATION_CONFIG_OPTIONS}
    if sampling.temperature == 0 or sampling.top_p == 0:
        config["do_sample"] = False
    elif sampling.temperature is not None or sampling.top_p is not None or "top_k" in config or "min_p" in config:
        config["do_sample"] = True
        config |= _openai_sampling(sampling)
    return rest | ({"generation_config": json.dumps(config)} if config else {})


def _messages(message: JsonObject, capabilities: Capabilities) -> list[JsonObject]:
    """Returns a message as the engine takes it: as one, or what it says apart from the tools that it calls."""
    content = message.get("content")
    if isinstance(content, list | tuple) and not capabilities.takes_content_parts:
        texts = [part["text"] for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(texts) == len(content):
            content = "\n".join(map(str, texts))
            message = {**message, "content": content}
    if content and message.get("tool_calls") and not capabilities.takes_text_beside_tool_calls:
        calls = {member: value for member, value in message.items() if member != "content"}
        return [{"role": message["role"], "content": content}, calls]
    return [message]


def _with_short_ids(message: JsonObject) -> JsonObject:
    """Returns a message whose tool calls, or result, carry ids that Mistral takes; equal ones stay equal."""
    changed: dict[str, JsonValue] = {}
    result_of, calls = message.get("tool_call_id"), message.get("tool_calls")
    if isinstance(result_of, str):
        changed["tool_call_id"] = _short_id(result_of)
    if isinstance(calls, list | tuple):
        changed["tool_calls"] = [
            {**call, "id": _short_id(str(call.get("id", "")))} if isinstance(call, Mapping) else call for call in calls
        ]
    return {**message, **changed}


def _short_id(given: str) -> str:
    if len(given) == SHORT_ID_LETTERS and given.isascii() and given.isalnum():
        return given
    return hashlib.sha256(given.encode()).hexdigest()[:SHORT_ID_LETTERS]
