"""Reads an InvokeModel body: JSON of any of the three schemas → one typed request. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies import members
from outcrop.serving.bodies.messages import read_messages
from outcrop.serving.bodies.options import features_of, read_options
from outcrop.serving.bodies.schema import Schema, choose
from outcrop.serving.capabilities import Feature

__all__ = ["InvokeRequest", "Sampling", "Schema", "parse"]

HIGHEST_TEMPERATURE = 2.0
"""OpenAI's bound; AWS documents none for imported models (SPEC U16)."""

MAX_TOKENS_MEMBERS: Mapping[Schema, tuple[str, ...]] = {
    Schema.BEDROCK: ("max_gen_len",),
    Schema.COMPLETION: ("max_completion_tokens", "max_tokens"),
    Schema.CHAT: ("max_completion_tokens", "max_tokens"),
    Schema.META: ("max_gen_len",),
    Schema.MISTRAL: ("max_tokens",),
}
"""Which members limit the reply, the strongest first (OpenAI lets the newer name win)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to choose tokens, and when to stop. None means that the caller leaves it to the model."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeRequest:
    """What the caller of InvokeModel asks for."""

    schema: Schema
    prompt: str = field(default="", repr=False)
    """The text to continue; empty in a chat."""
    messages: tuple[JsonObject, ...] = field(default=(), repr=False)
    """The conversation of a chat, in OpenAI's form; empty otherwise."""
    sampling: Sampling
    options: JsonObject = field(default_factory=dict)
    """Members that need a feature of the engine, checked (bodies/options.py)."""
    features: tuple[tuple[str, Feature], ...] = ()
    """Each member that needs a feature of the engine, with the feature."""


def parse(body: bytes, older: Schema | None = None) -> InvokeRequest:
    """Reads a body. Raises ValidationError, whose message names the member that is wrong.

    Args:
        body: JSON.
        older: the format of prompts, where the model keeps that of an older import.
    """
    document = _load(body)
    schema = choose(document, older)
    options = read_options(schema, document)
    features = features_of(schema, options)
    sampling = _sampling(schema, document)
    if schema is not Schema.CHAT:
        return InvokeRequest(
            schema=schema,
            prompt=members.filled_text("prompt", document["prompt"]),
            sampling=sampling,
            options=options,
            features=tuple(features),
        )
    messages = read_messages("messages", document["messages"])
    return InvokeRequest(
        schema=schema,
        messages=messages.messages,
        sampling=sampling,
        options=options,
        features=(*messages.features, *features),
    )


def _load(body: bytes) -> JsonObject:
    try:
        document: JsonValue = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValidationError("body: is nested too deeply") from None
    except ValueError as error:
        raise ValidationError(f"body: is not valid JSON ({error})") from error
    if not isinstance(document, Mapping):
        raise ValidationError("body: must be a JSON object")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _sampling(schema: Schema, body: JsonObject) -> Sampling:
    limits = [
        members.integer(member, value, lowest=1)
        for member in MAX_TOKENS_MEMBERS[schema]
        if (value := body.get(member)) is not None
    ]
    temperature, top_p, stop = body.get("temperature"), body.get("top_p"), body.get("stop")
    return Sampling(
        max_tokens=limits[0] if limits else None,
        temperature=None
        if temperature is None
        else members.number("temperature", temperature, lowest=0, highest=HIGHEST_TEMPERATURE),
        top_p=None if top_p is None else members.number("top_p", top_p, lowest=0, highest=1),
        stop=() if stop is None else members.one_or_more_texts("stop", stop),
    )
