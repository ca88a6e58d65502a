"""The members of a body that not every engine can honour: how each is read, and the feature that it needs. Pure.

Values that ask for nothing (`n: 1`, `logprobs: false`, `response_format: {"type": "text"}`) need no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies import members
from outcrop.serving.bodies.schema import Schema
from outcrop.serving.capabilities import Feature

Read = Callable[[str, JsonValue], JsonValue]
"""Checks a value of the member that it is told, and returns it, or None when it asks for nothing."""

CONSTRAINTS = ("json", "regex", "choice", "grammar")
"""`structured_outputs` holds exactly one of these (SPEC 10.2.1)."""
TOOL_CHOICES = ("none", "auto", "required")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A member that asks for a feature."""

    member: str
    feature: Feature
    read: Read
    schemas: frozenset[Schema]


def read_options(schema: Schema, body: JsonObject) -> dict[str, JsonValue]:
    """Returns what a body asks for beyond plain sampling, checked. Raises ValidationError."""
    asked: dict[str, JsonValue] = {}
    for option in OPTIONS:
        value = body.get(option.member)
        if value is None or schema not in option.schemas:
            continue
        wanted = option.read(option.member, value)
        if wanted is not None:
            asked[option.member] = wanted
    if asked.get("tool_choice") == "none":
        del asked["tool_choice"]
        asked.pop("tools", None)  # a model that is not told of tools uses none
    if "tool_choice" in asked and "tools" not in asked:
        raise ValidationError("tool_choice: needs tools")
    if "top_logprobs" in asked and "logprobs" not in asked:
        raise ValidationError("top_logprobs: needs logprobs to be true")
    return asked


def features_of(schema: Schema, asked: Mapping[str, JsonValue]) -> list[tuple[str, Feature]]:
    """Returns each member that was asked for with the feature that it needs."""
    return [
        (option.member, option.feature) for option in OPTIONS if option.member in asked and schema in option.schemas
    ]


# --- how values are read ------------------------------------------------------------------------------------------


def _whole(lowest: int, *, nothing: frozenset[int] = frozenset()) -> Read:
    def read(member: str, value: JsonValue) -> JsonValue:
        found = members.integer(member, value, lowest=lowest)
        return None if found in nothing else found

    return read


def _between(lowest: float, highest: float, *, nothing: float) -> Read:
    def read(member: str, value: JsonValue) -> JsonValue:
        found = members.number(member, value, lowest=lowest, highest=highest)
        return None if found == nothing else found

    return read


def _flag(member: str, value: JsonValue) -> JsonValue:
    return members.boolean(member, value) or None


def _text(member: str, value: JsonValue) -> JsonValue:
    return members.text(member, value) or None


def _object(member: str, value: JsonValue) -> JsonValue:
    return members.json_object(member, value) or None


def _objects(member: str, value: JsonValue) -> JsonValue:
    for place, item in enumerate(members.array(member, value)):
        members.json_object(f"{member}[{place}]", item)
    return value or None


def _tool_choice(member: str, value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        if value not in TOOL_CHOICES:
            raise ValidationError(f"{member}: must be one of {', '.join(TOOL_CHOICES)}, or name a function")
        return None if value == "auto" else value
    return members.json_object(member, value)


def _structured_outputs(member: str, value: JsonValue) -> JsonValue:
    found = members.json_object(member, value)
    if len(found) != 1 or not set(found) <= set(CONSTRAINTS):
        raise ValidationError(f"{member}: must hold exactly one of {', '.join(CONSTRAINTS)}")
    return found


def _response_format(member: str, value: JsonValue) -> JsonValue:
    """Returns OpenAI's form: Bedrock's own schema gives the JSON Schema bare (SPEC 10.1.1), OpenAI's wraps it."""
    found = members.json_object(member, value)
    kind = found.get("type")
    if kind not in RESPONSE_FORMATS:
        raise ValidationError(f"{member}.type: must be one of {', '.join(RESPONSE_FORMATS)}")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    schema = members.json_object(f"{member}.json_schema", found.get("json_schema"))
    is_wrapped = isinstance(schema.get("schema"), Mapping)
    wrapped = schema if is_wrapped else {"schema": schema}
    return {"type": "json_schema", "json_schema": {"name": "response", **wrapped}}


# --- the table ----------------------------------------------------------------------------------------------------

_BEDROCK = frozenset({Schema.BEDROCK})
_COMPLETION = frozenset({Schema.COMPLETION})
_CHAT = frozenset({Schema.CHAT})
_OPENAI = _COMPLETION | _CHAT
_ALL = frozenset(Schema)
_ONE = frozenset({1})

OPTIONS: tuple[Option, ...] = tuple(
    Option(member=member, feature=feature, read=read, schemas=schemas)
    for member, feature, read, schemas in (
        ("top_k", Feature.TOP_K, _whole(-1, nothing=frozenset({-1, 0})), _ALL),
        ("min_p", Feature.MIN_P, _between(0, 1, nothing=0), _ALL),
        ("seed", Feature.SEED, _whole(0), _ALL),
        ("repetition_penalty", Feature.REPETITION_PENALTY, _between(0.01, 2, nothing=1), _ALL),
        ("frequency_penalty", Feature.PENALTIES, _between(-2, 2, nothing=0), _ALL),
        ("presence_penalty", Feature.PENALTIES, _between(-2, 2, nothing=0), _ALL),
        ("logit_bias", Feature.LOGIT_BIAS, _object, _OPENAI),
        ("n", Feature.SEVERAL_CHOICES, _whole(1, nothing=_ONE), _OPENAI),
        ("best_of", Feature.SEVERAL_CHOICES, _whole(1, nothing=_ONE), _COMPLETION),
        ("echo", Feature.ECHO, _flag, _COMPLETION),
        ("suffix", Feature.SUFFIX, _text, _COMPLETION),
        ("return_logprobs", Feature.LOGPROBS_BY_ID, _flag, _BEDROCK),
        ("logprobs", Feature.LOGPROBS, _whole(0), _COMPLETION),
        ("logprobs", Feature.LOGPROBS, _flag, _CHAT),
        ("top_logprobs", Feature.LOGPROBS, _whole(0, nothing=frozenset({0})), _CHAT),
        ("prompt_logprobs", Feature.PROMPT_LOGPROBS, _whole(0), _OPENAI),
        ("response_format", Feature.RESPONSE_FORMAT, _response_format, _ALL),
        ("structured_outputs", Feature.STRUCTURED_OUTPUTS, _structured_outputs, _ALL),
        ("tools", Feature.TOOLS, _objects, _CHAT),
        ("tool_choice", Feature.TOOL_CHOICE, _tool_choice, _CHAT),
        ("functions", Feature.FUNCTIONS, _objects, _CHAT),
        ("chat_template_kwargs", Feature.TEMPLATE_ARGUMENTS, _object, _CHAT),
        ("amazon-bedrock-guardrailConfig", Feature.GUARDRAILS, _object, _ALL),
    )
)
