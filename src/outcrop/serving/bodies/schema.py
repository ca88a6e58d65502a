"""The three schemas of an InvokeModel body, and the rule that chooses one. Pure."""

from __future__ import annotations

from enum import StrEnum

from outcrop.errors import ValidationError
from outcrop.records import JsonObject


class Schema(StrEnum):
    """What AWS calls the body formats of imported models (SPEC 10.0.2)."""

    BEDROCK = "BedrockCompletion"
    COMPLETION = "OpenAICompletion"
    CHAT = "OpenAIChatCompletion"


def choose(body: JsonObject) -> Schema:
    """Returns the schema that a body's members mean; a null member counts as absent. Raises ValidationError."""
    has_prompt = body.get("prompt") is not None
    has_messages = body.get("messages") is not None
    if has_prompt and has_messages:
        raise ValidationError("prompt and messages: give one of the two, not both")
    if has_messages:
        return Schema.CHAT
    if not has_prompt:
        raise ValidationError("prompt or messages: one of the two is required")
    # litellm and langchain-aws send `max_completion_tokens` for `max_tokens` (SPEC 13.7.2).
    is_openai = any(body.get(member) is not None for member in ("max_tokens", "max_completion_tokens"))
    return Schema.COMPLETION if is_openai else Schema.BEDROCK
