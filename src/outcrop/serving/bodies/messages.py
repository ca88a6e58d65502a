"""Reads the conversation of a chat body. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies import members
from outcrop.serving.capabilities import Feature
from outcrop.serving.images import require_data_url, require_few

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """A conversation in OpenAI's form, and the features that an engine needs for it."""

    messages: tuple[JsonObject, ...]
    features: tuple[tuple[str, Feature], ...]


def read_messages(member: str, value: JsonValue) -> Messages:
    """Checks a conversation. Raises ValidationError, whose message names the message and its member."""
    found = members.array(member, value)
    if not found:
        raise ValidationError(f"{member}: must not be empty")
    features: list[tuple[str, Feature]] = []
    messages = tuple(_message(f"{member}[{place}]", item, features) for place, item in enumerate(found))
    require_few(member, features)
    return Messages(messages=messages, features=tuple(features))


def _message(member: str, value: JsonValue, features: list[tuple[str, Feature]]) -> JsonObject:
    message = members.json_object(member, value)
    role = members.text(f"{member}.role", message.get("role"))
    if role not in ROLES:
        raise ValidationError(f"{member}.role: must be one of {', '.join(ROLES)}")
    calls_tools = bool(message.get("tool_calls"))
    if role == "tool":
        features.append((f"{member}.role", Feature.TOOLS))
    if calls_tools:
        features.append((f"{member}.tool_calls", Feature.TOOLS))
    if message.get("reasoning_content"):
        features.append((f"{member}.reasoning_content", Feature.REASONING))
    content = message.get("content")
    if content is None:
        if not calls_tools:
            raise ValidationError(f"{member}.content: is required")
    elif isinstance(content, str):
        members.text(f"{member}.content", content)
    else:
        for place, part in enumerate(members.array(f"{member}.content", content)):
            _part(f"{member}.content[{place}]", part, features)
    return message


def _part(member: str, value: JsonValue, features: list[tuple[str, Feature]]) -> None:
    part = members.json_object(member, value)
    match part.get("type"):
        case "text":
            members.text(f"{member}.text", part.get("text"))
        case "image_url":
            image = members.json_object(f"{member}.image_url", part.get("image_url"))
            url = members.text(f"{member}.image_url.url", image.get("url"))
            require_data_url(f"{member}.image_url.url", url)
            features.append((member, Feature.IMAGES))
        case _:
            raise ValidationError(f"{member}.type: must be text or image_url")
