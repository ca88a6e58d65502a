"""Reads the input of Converse into a chat request, member by member. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies.options import features_of, read_options
from outcrop.serving.bodies.request import InvokeRequest, Sampling
from outcrop.serving.bodies.schema import Schema
from outcrop.serving.converse.blocks import NEEDS_TOOLS, MessageReader

ADDITIONAL = frozenset(
    {
        "top_k",
        "min_p",
        "seed",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "response_format",
        "structured_outputs",
        "chat_template_kwargs",
    }
)
"""What `additionalModelRequestFields` may hold: members of a chat body that Converse has no own member for."""

OWN_MEMBERS: Mapping[str, str] = {
    "messages": "messages",
    "system": "system",
    "tools": "toolConfig",
    "tool_choice": "toolConfig.toolChoice",
    "max_tokens": "inferenceConfig.maxTokens",
    "max_completion_tokens": "inferenceConfig.maxTokens",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "stop": "inferenceConfig.stopSequences",
}
REFUSED: Mapping[str, str] = {
    "guardrailConfig": "this server has no guardrails",
    "promptVariables": "this server has no prompt management",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverseRequest:
    """What the caller of Converse asks for."""

    chat: InvokeRequest
    """The same as a chat body."""
    tool_names: tuple[str, ...]
    """Of the tools that the request declares."""
    response_paths: tuple[str, ...]
    """JSON pointers: `additionalModelResponseFieldPaths`."""


def read_request(params: Mapping[str, Any]) -> ConverseRequest:
    """Reads the validated input of Converse, ConverseStream, or CountTokens' `converse`.

    Raises:
        ValidationError: a member asks for what imported models, or this server, do not have; it is named.
    """
    for member, reason in REFUSED.items():
        if params.get(member):
            raise ValidationError(f"{member}: {reason}")
    reader = MessageReader()
    messages = reader.read(params.get("system") or (), params.get("messages") or ())
    tools = params.get("toolConfig")
    if reader.uses_tools and tools is None:
        raise ValidationError(NEEDS_TOOLS)
    fields = _additional(params.get("additionalModelRequestFields"))
    told = _told_options(params, tools)
    for member in told.keys() & fields.keys():
        raise ValidationError(f"additionalModelRequestFields.{member}: {_TWICE[member]} says it already")
    options = read_options(Schema.CHAT, {**fields, **told})
    features = [(_member(name, fields), feature) for name, feature in features_of(Schema.CHAT, options)]
    return ConverseRequest(
        chat=InvokeRequest(
            schema=Schema.CHAT,
            messages=tuple(messages),
            sampling=_sampling(params.get("inferenceConfig") or {}),
            options=options,
            features=(*reader.features, *features),
        ),
        tool_names=tuple(_tool_names(tools)),
        response_paths=tuple(params.get("additionalModelResponseFieldPaths") or ()),
    )


def _sampling(config: Mapping[str, Any]) -> Sampling:
    return Sampling(
        max_tokens=config.get("maxTokens"),
        temperature=_number(config.get("temperature")),
        top_p=_number(config.get("topP")),
        stop=tuple(config.get("stopSequences") or ()),
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _additional(fields: Any) -> dict[str, JsonValue]:
    """Returns the additional fields. Raises ValidationError for those that nobody would honour."""
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise ValidationError("additionalModelRequestFields: must be a JSON object")
    for name in fields:
        if name in OWN_MEMBERS:
            raise ValidationError(f"additionalModelRequestFields.{name}: give it as {OWN_MEMBERS[name]}")
        if name not in ADDITIONAL:
            known = ", ".join(sorted(ADDITIONAL))
            raise ValidationError(f"additionalModelRequestFields.{name}: is not known; imported models take {known}")
    return dict(fields)


# --- tools and formats --------------------------------------------------------------------------------------------

_TWICE = {"response_format": "outputConfig"}


def _told_options(params: Mapping[str, Any], tools: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """Returns what Converse's own members say, as members of a chat body."""
    told: dict[str, JsonValue] = {}
    if tools is not None:
        told["tools"] = [_tool(f"toolConfig.tools[{place}]", tool) for place, tool in enumerate(tools["tools"])]
        told |= _tool_choice(tools.get("toolChoice"), list(_tool_names(tools)))
    output = params.get("outputConfig") or {}
    if output.get("effort"):
        raise ValidationError("outputConfig.effort: imported models have no levels of effort")
    if output.get("textFormat"):
        told["response_format"] = _text_format(output["textFormat"])
    return told


def _tool(member: str, tool: Mapping[str, Any]) -> JsonObject:
    if "toolSpec" not in tool:
        raise ValidationError(f"{member}.{next(iter(tool), '')}: imported models take toolSpec only")
    spec = tool["toolSpec"]
    function: dict[str, JsonValue] = {"name": spec["name"]}
    if spec.get("description") is not None:
        function["description"] = spec["description"]
    function["parameters"] = spec["inputSchema"]["json"]
    if spec.get("strict") is not None:
        function["strict"] = spec["strict"]
    return {"type": "function", "function": function}


def _tool_names(tools: Mapping[str, Any] | None) -> Sequence[str]:
    specs = () if tools is None else (tool.get("toolSpec") for tool in tools["tools"])
    return [spec["name"] for spec in specs if spec is not None]


def _tool_choice(choice: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, JsonValue]:
    if not choice or "auto" in choice:
        return {}
    if "any" in choice:
        return {"tool_choice": "required"}
    name = choice["tool"]["name"]
    if name not in names:
        raise ValidationError(f"toolConfig.toolChoice.tool.name: there is no tool {name}")
    return {"tool_choice": {"type": "function", "function": {"name": name}}}


def _text_format(text_format: Mapping[str, Any]) -> JsonObject:
    member = "outputConfig.textFormat.structure.jsonSchema"
    given = text_format["structure"]["jsonSchema"]
    try:
        schema: JsonValue = json.loads(given["schema"])
    except ValueError as error:
        raise ValidationError(f"{member}.schema: is not valid JSON ({error})") from error
    if not isinstance(schema, Mapping):
        raise ValidationError(f"{member}.schema: must be a JSON object")
    named = {name: given[name] for name in ("name", "description") if given.get(name) is not None}
    return {"type": "json_schema", "json_schema": {**named, "schema": schema}}


_MEMBERS = {
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "response_format": "outputConfig.textFormat",
}


def _member(option: str, fields: Mapping[str, JsonValue]) -> str:
    """Returns what a refusal calls an option: the member that the caller wrote."""
    return f"additionalModelRequestFields.{option}" if option in fields else _MEMBERS[option]
