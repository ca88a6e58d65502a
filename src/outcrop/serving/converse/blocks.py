"""Turns Converse's messages into OpenAI's. Pure.

A turn of the user may hold results of tools, which are messages of their own in OpenAI's form, and stand first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.capabilities import Feature
from outcrop.serving.images import data_url, require_few

NEEDS_USER_FIRST = (
    "A conversation must start with a user message. Try again with a conversation that starts with a user message."
)
NEEDS_TURNS = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between "
    "user and assistant roles and try again."
)
NEEDS_USER_LAST = (
    "The model that you are using requires the last turn in the conversation to be a user message. Add a user message "
    "to the conversation and try again."
)
NEEDS_TOOLS = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
"""AWS's own sentences."""


class MessageReader:
    """Reads one conversation, and remembers what an engine needs for it."""

    def __init__(self) -> None:
        self.features: list[tuple[str, Feature]] = []
        """Each member that needs a feature of the engine, with the feature."""
        self.uses_tools = False
        """Whether a message calls a tool, or gives a result."""

    def read(self, system: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
        """Returns the conversation in OpenAI's form.

        Raises:
            ValidationError: the turns are out of order, or a block is not to be had with imported models.
        """
        found: list[JsonObject] = []
        texts = [self._system_text(f"system[{place}]", block) for place, block in enumerate(system)]
        if texts:
            found.append({"role": "system", "content": "\n".join(texts)})
        _require_turns([message["role"] for message in messages if message["role"] != "system"])
        for place, message in enumerate(messages):
            member = f"messages[{place}].content"
            blocks = [_only(f"{member}[{at}]", block) for at, block in enumerate(message["content"])]
            match message["role"]:
                case "assistant":
                    found.append(self._assistant(member, blocks))
                case "system":
                    said = [
                        self._system_text(f"{member}[{at}]", {kind: value}) for at, (kind, value) in enumerate(blocks)
                    ]
                    found.append({"role": "system", "content": "\n".join(said)})
                case _:
                    found += self._user(member, blocks)
        require_few("messages", self.features)
        return found

    def _system_text(self, member: str, block: Mapping[str, Any]) -> str:
        kind, value = _only(member, block)
        if kind != "text":
            raise _refused(f"{member}.{kind}", kind)
        return str(value)

    def _user(self, member: str, blocks: Sequence[tuple[str, Any]]) -> list[JsonObject]:
        results: list[JsonObject] = []
        parts: list[JsonValue] = []
        for place, (kind, value) in enumerate(blocks):
            at = f"{member}[{place}].{kind}"
            match kind:
                case "text":
                    parts.append({"type": "text", "text": value})
                case "image":
                    self.features.append((at, Feature.IMAGES))
                    parts.append(_image(at, value))
                case "toolResult":
                    self.features.append((at, Feature.TOOLS))
                    self.uses_tools = True
                    results.append(_tool_result(at, value))
                case _:
                    raise _refused(at, kind)
        return [*results, *([{"role": "user", "content": _content(parts)}] if parts else [])]

    def _assistant(self, member: str, blocks: Sequence[tuple[str, Any]]) -> JsonObject:
        parts: list[JsonValue] = []
        calls: list[JsonValue] = []
        reasoning: list[str] = []
        for place, (kind, value) in enumerate(blocks):
            at = f"{member}[{place}].{kind}"
            match kind:
                case "text":
                    parts.append({"type": "text", "text": value})
                case "toolUse":
                    self.features.append((at, Feature.TOOLS))
                    self.uses_tools = True
                    calls.append(_tool_use(at, value))
                case "reasoningContent":
                    self.features.append((at, Feature.REASONING))
                    reasoning.append(_reasoning(at, value))
                case _:
                    raise _refused(at, kind)
        message: dict[str, JsonValue] = {
            "role": "assistant",
            "content": _content(parts) if parts or not calls else None,
        }
        if calls:
            message["tool_calls"] = calls
        if reasoning:
            message["reasoning_content"] = "\n".join(reasoning)
        return message


def _require_turns(roles: Sequence[str]) -> None:
    if not roles or roles[0] != "user":
        raise ValidationError(NEEDS_USER_FIRST)
    if any(one == other for one, other in pairwise(roles)):
        raise ValidationError(NEEDS_TURNS)
    if roles[-1] != "user":
        raise ValidationError(NEEDS_USER_LAST)


def _only(member: str, block: Mapping[str, Any]) -> tuple[str, Any]:
    """Returns the one member of a union."""
    found = [(kind, value) for kind, value in block.items() if value is not None]
    if len(found) != 1:
        raise ValidationError(f"{member}: must have exactly one member")
    return found[0]


def _refused(member: str, kind: str) -> ValidationError:
    return ValidationError(f"{member}: {_REASONS.get(kind, 'is not supported by imported models')}")


_REASONS = {
    "cachePoint": "imported models have no prompt caching",
    "guardContent": "this server has no guardrails",
}


def _content(parts: Sequence[JsonValue]) -> JsonValue:
    """Returns a single text as it is, since templates of text models take no parts."""
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and part["type"] == "text"]
    if len(texts) < len(parts):
        return list(parts)
    if len(texts) > 1:
        return list(parts)
    return texts[0] if texts else ""


def _image(member: str, image: Mapping[str, Any]) -> JsonObject:
    data = image["source"].get("bytes")
    if data is None:
        raise ValidationError(f"{member}.source: give the image's bytes; nothing is fetched")
    url = data_url(f"{member}.source.bytes", image["format"], bytes(data))
    return {"type": "image_url", "image_url": {"url": url}}


def _tool_use(member: str, use: Mapping[str, Any]) -> JsonObject:
    if use.get("type") is not None:
        raise ValidationError(f"{member}.type: imported models have no server tools")
    function: JsonObject = {"name": use["name"], "arguments": json.dumps(use["input"], ensure_ascii=False)}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _tool_result(member: str, result: Mapping[str, Any]) -> JsonObject:
    """Returns the message of a result; OpenAI's has no status, so that an error says it in its text."""
    if result.get("type") is not None:
        raise ValidationError(f"{member}.type: imported models have no server tools")
    texts: list[str] = []
    for place, block in enumerate(result["content"]):
        kind, value = _only(f"{member}.content[{place}]", block)
        if kind not in ("text", "json"):
            raise _refused(f"{member}.content[{place}].{kind}", kind)
        texts.append(value if kind == "text" else json.dumps(value, ensure_ascii=False))
    text = "\n".join(texts)
    content = f"Error: {text}" if result.get("status") == "error" else text
    return {"role": "tool", "tool_call_id": result["toolUseId"], "content": content}


def _reasoning(member: str, content: Mapping[str, Any]) -> str:
    kind, value = _only(member, content)
    if kind != "reasoningText":
        raise ValidationError(f"{member}.{kind}: is not supported by imported models")
    return str(value["text"])
