"""The schemas of an InvokeModel body, and the rule that chooses one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from outcrop.errors import ValidationError
from outcrop.records import JsonObject


class Schema(StrEnum):
    """What AWS calls the body formats of imported models (SPEC 10.0.2)."""

    BEDROCK = "BedrockCompletion"
    COMPLETION = "OpenAICompletion"
    CHAT = "OpenAIChatCompletion"
    META = "Meta's own"
    """What models of the Llama family spoke that were imported before 2025-11-11 (SPEC 10.4.1)."""
    MISTRAL = "Mistral's own"
    """What models of the Mistral family spoke then (SPEC 10.4.2)."""


OLDER_FORMATS: Mapping[str, Schema] = {"meta": Schema.META, "mistral": Schema.MISTRAL}
"""By the value of the tag `outcrop:body-format`, which gives a model the format of an older import (decision 0018)."""


def choose(body: JsonObject, older: Schema | None = None) -> Schema:
    """Returns the schema that a body's members mean; a null member counts as absent.

    Args:
        body: the members.
        older: the format of prompts, where the model keeps that of an older import.

    Raises:
        ValidationError: they mean none, or two.
    """
    has_prompt = body.get("prompt") is not None
    has_messages = body.get("messages") is not None
    if has_prompt and has_messages:
        raise ValidationError("prompt and messages: give one of the two, not both")
    if has_messages:
        return Schema.CHAT
    if not has_prompt:
        raise ValidationError("prompt or messages: one of the two is required")
    if older is not None:
        return older
    # litellm and langchain-aws send `max_completion_tokens` for `max_tokens` (SPEC 13.7.2).
    is_openai = any(body.get(member) is not None for member in ("max_tokens", "max_completion_tokens"))
    return Schema.COMPLETION if is_openai else Schema.BEDROCK
