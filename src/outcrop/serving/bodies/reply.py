"""Turns an engine's reply into the reply of the schema that was asked in, with the true token counts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.errors import EngineError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies.request import InvokeRequest, Schema
from outcrop.serving.capabilities import Capabilities
from outcrop.serving.stops import first_stop

TOKEN_ID_PREFIX = "token_id:"  # noqa: S105  # how vLLM writes a token's id where its text would stand
FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyIdentity:
    """What names a reply."""

    id: str
    """32 hexadecimal characters."""
    created: int
    """Seconds since 1970, UTC."""
    model: str
    """`<account>-<modelId>` (SPEC 10.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeReply:
    """What InvokeModel answers, and what its token-count headers say (SPEC 3.1.5)."""

    body: JsonObject = field(repr=False)
    input_tokens: int
    output_tokens: int


def answer(
    request: InvokeRequest, engine_reply: JsonObject, capabilities: Capabilities, identity: ReplyIdentity
) -> InvokeReply:
    """Returns the reply to a request. Raises EngineError when the engine's reply is not of the OpenAI API."""
    usage = _object(engine_reply, "usage")
    input_tokens, output_tokens = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    stop = request.sampling.stop if capabilities.keeps_stop_text else ()
    choices = [_choice(request.schema, choice, stop) for choice in _choices(engine_reply)]
    body = _BODIES[request.schema](_Whole(request, engine_reply, choices, input_tokens, output_tokens, identity))
    return InvokeReply(body=body, input_tokens=input_tokens, output_tokens=output_tokens)


# --- the replies of the schemas -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Whole:
    request: InvokeRequest
    engine_reply: JsonObject
    choices: Sequence[_Choice]
    input_tokens: int
    output_tokens: int
    identity: ReplyIdentity

    @property
    def usage(self) -> dict[str, JsonValue]:
        return usage_members(self.input_tokens, self.output_tokens)


def _meta(whole: _Whole) -> JsonObject:
    """SPEC 10.4.1."""
    return {
        "generation": whole.choices[0].text,
        "prompt_token_count": whole.input_tokens,
        "generation_token_count": whole.output_tokens,
        "stop_reason": whole.choices[0].finish_reason,
    }


def _bedrock(whole: _Whole) -> JsonObject:
    """SPEC 10.1.2."""
    logprobs = whole.choices[0].logprobs
    return {**_meta(whole), "logprobs": None if logprobs is None else by_token_id(logprobs)}


def _mistral(whole: _Whole) -> JsonObject:
    """SPEC 10.4.2."""
    return {"outputs": [{"text": whole.choices[0].text, "stop_reason": whole.choices[0].finish_reason}]}


def _completion(whole: _Whole) -> JsonObject:
    """SPEC 10.2.2; log probabilities are added when they were asked for."""
    asked = [member for member in ("logprobs", "prompt_logprobs") if member in whole.request.options]
    return {
        "id": f"cmpl-{whole.identity.id}",
        "object": "text_completion",
        "created": whole.identity.created,
        "model": whole.identity.model,
        "choices": [
            {
                "index": index,
                "text": choice.text,
                "finish_reason": choice.finish_reason,
                **{member: choice.raw.get(member) for member in asked},
            }
            for index, choice in enumerate(whole.choices)
        ],
        "usage": whole.usage,
    }


def _chat(whole: _Whole) -> JsonObject:
    """SPEC 10.3.4, member by member."""
    return {
        "id": f"chatcmpl-{whole.identity.id}",
        "object": "chat.completion",
        "created": whole.identity.created,
        "model": whole.identity.model,
        "choices": [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": choice.text,
                    "refusal": None,
                    "annotations": None,
                    "audio": None,
                    "function_call": None,
                    "tool_calls": choice.message.get("tool_calls") or [],
                    "reasoning_content": choice.message.get("reasoning_content") or choice.message.get("reasoning"),
                },
                "logprobs": choice.logprobs,
                "finish_reason": choice.finish_reason,
                "stop_reason": choice.stop_reason,
                "token_ids": None,
            }
            for index, choice in enumerate(whole.choices)
        ],
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {**whole.usage, "prompt_tokens_details": None},
        "prompt_logprobs": whole.engine_reply.get("prompt_logprobs"),
        "prompt_token_ids": None,
        "kv_transfer_params": None,
    }


_BODIES: Mapping[Schema, Callable[[_Whole], JsonObject]] = {
    Schema.BEDROCK: _bedrock,
    Schema.COMPLETION: _completion,
    Schema.CHAT: _chat,
    Schema.META: _meta,
    Schema.MISTRAL: _mistral,
}


# --- reading the engine's reply -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    raw: JsonObject
    message: JsonObject
    text: str | None
    finish_reason: str
    stop_reason: JsonValue
    logprobs: JsonObject | None


def _choice(schema: Schema, raw: JsonObject, stop: Sequence[str]) -> _Choice:
    message: JsonObject = _object(raw, "message") if schema is Schema.CHAT else {}
    text = message.get("content") if schema is Schema.CHAT else raw.get("text")
    finish_reason, logprobs = raw.get("finish_reason"), raw.get("logprobs")
    if not isinstance(text, str) and not (text is None and schema is Schema.CHAT):
        raise _nonsense("a choice without text")
    if finish_reason not in FINISH_REASONS or not isinstance(finish_reason, str):
        raise _nonsense(f"the finish reason {finish_reason!r}")
    if logprobs is not None and not isinstance(logprobs, Mapping):
        raise _nonsense("log probabilities that are no object")
    stop_reason = raw.get("stop_reason")
    found = None if text is None else first_stop(text, stop)
    if text is not None and found is not None:
        text, finish_reason, stop_reason = text[: text.index(found)], "stop", found
    return _Choice(
        raw=raw,
        message=message,
        text=text,
        finish_reason=finish_reason,
        stop_reason=stop_reason,
        logprobs=logprobs,
    )


def by_token_id(logprobs: JsonObject) -> list[JsonValue]:
    """Returns log probabilities as Bedrock's own schema writes them. Raises EngineError.

    SPEC 10.1.3: one object for each token, holding its log probability under its id.
    """
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if not isinstance(tokens, Sequence) or not isinstance(values, Sequence) or len(tokens) != len(values):
        raise _nonsense("log probabilities without tokens")
    return [{str(token).removeprefix(TOKEN_ID_PREFIX): value} for token, value in zip(tokens, values, strict=True)]


def usage_members(input_tokens: int, output_tokens: int) -> dict[str, JsonValue]:
    """Returns OpenAI's account of tokens."""
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


def _choices(engine_reply: JsonObject) -> list[JsonObject]:
    found = engine_reply.get("choices")
    choices = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
    if not choices:
        raise _nonsense("no choices")
    return choices


def _object(holder: JsonObject, member: str) -> JsonObject:
    found = holder.get(member)
    if not isinstance(found, Mapping):
        raise _nonsense(f"no {member}")
    return found


def _count(usage: JsonObject, member: str) -> int:
    found = usage.get(member)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise _nonsense(f"no {member}")
    return found


def _nonsense(what: str) -> EngineError:
    return EngineError(f"the engine answered with {what}")
