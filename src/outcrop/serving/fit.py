"""Whether a prompt and its reply fit into a model's context, before the engine is asked. Pure.

`transformers serve` hangs on prompts that are longer than the context, and vLLM refuses a prompt and a reply that are
so together; AWS's words for it are known to clients, which look for "Input is too long".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, ModelFacts
from outcrop.serving.bodies import EngineRequest

if TYPE_CHECKING:
    from outcrop.artifact.prompts import Count, Prompt

ENCODER_DECODERS = frozenset({"t5"})
"""Architectures whose prompts take no room of the reply."""

TOKENS_PER_BYTE = 4
"""More than any tokenizer makes of a byte; normalizers write some characters out as several."""
TEMPLATE_TOKENS = 16_384
"""More than any published template adds to a conversation."""


def surely_fits(asked: EngineRequest, facts: ModelFacts) -> bool:
    """Says whether nothing needs to be counted, since even the worst count would fit."""
    said = {member: asked.body[member] for member in ("prompt", "messages", "tools") if member in asked.body}
    template = 0 if "prompt" in said else TEMPLATE_TOKENS
    worst = len(json.dumps(said)) * TOKENS_PER_BYTE + template + _max_tokens(asked)
    return worst <= facts.context_length


def prompt_of(asked: EngineRequest) -> Prompt:
    """Returns what the engine is asked, as it is counted."""
    # Imported here: see serving/prompts.py.
    from outcrop.artifact.prompts import Prompt  # noqa: PLC0415

    messages, text, arguments = (asked.body.get(name) for name in ("messages", "prompt", "chat_template_kwargs"))
    return Prompt(
        text=text if isinstance(text, str) else "",
        messages=tuple(item for item in messages if isinstance(item, Mapping)) if isinstance(messages, list) else (),
        tools=asked.body.get("tools"),
        arguments=arguments if isinstance(arguments, Mapping) else {},
    )


def fitted(asked: EngineRequest, count: Count, facts: ModelFacts) -> EngineRequest:
    """Returns the request with no more tokens to generate than there is room for.

    Raises:
        ValidationError: the prompt leaves no room at all.
    """
    shares = facts.architecture not in ENCODER_DECODERS
    room = facts.context_length - (count.tokens if shares else 0)
    if room < 1 or count.tokens > facts.context_length:
        raise ValidationError(
            f"Input is too long for requested model. It has {count.tokens:,} tokens; "
            f"the context of this model has {facts.context_length:,}, the reply included."
        )
    if _max_tokens(asked) <= room:
        return asked
    body: JsonObject = {**asked.body, "max_tokens": room}
    return replace(asked, body=body)


def _max_tokens(asked: EngineRequest) -> int:
    found = asked.body.get("max_tokens")
    return found if isinstance(found, int) else 0
