"""Counts the tokens of a prompt as an engine would, from the tokenizer's files alone. Pure.

Imports `tokenizers` and Jinja: to be imported only when something is to be counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import tokenizers

from outcrop.artifact.metering import Limits
from outcrop.artifact.rendering import Outcome, Rendering, SafeTemplate
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.template import choose_template
from outcrop.artifact.tokenizer import TOKENIZER, TOKENIZER_CONFIG, Tokenizer
from outcrop.records import JsonObject, JsonValue

CONFIG = "config.json"
FILES = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, "chat_template.jinja", "chat_template.json")
"""What is needed of a model, as far as it is there."""

_PASSES = 8
"""How often a template may go over the whole conversation, on top of what a short one may take."""
_MOST_STEPS = 2_000_000
"""Some seconds at worst; conversations that need more are not rendered here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an engine is asked: a text, or a conversation for the chat template."""

    text: str = field(default="", repr=False)
    messages: tuple[JsonObject, ...] = field(default=(), repr=False)
    """In OpenAI's form; empty for a text."""
    tools: JsonValue = field(default=None, repr=False)
    arguments: JsonObject = field(default_factory=dict)
    """More variables of the template."""

    @property
    def letters(self) -> int:
        """How much there is to count."""
        return len(self.text) + sum(_size([*self.messages, self.tools, self.arguments]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many tokens a prompt has."""

    tokens: int
    """Exactly, or at least."""
    why_not_exact: str = ""
    """Empty where the number is exact."""


class PromptCounter:
    """The tokenizer and the template of one model. May be used by several threads."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        """Loads the files of FILES that the model has; of one without a readable tokenizer.json nothing is counted."""
        self._tokenizer = _load(contents.get(TOKENIZER))
        config = read_object(TOKENIZER_CONFIG, contents.get(TOKENIZER_CONFIG, b"{}")).value or {}
        reader = Tokenizer(None, config)
        self.takes_images = "vision_config" in (read_object(CONFIG, contents.get(CONFIG, b"{}")).value or {})
        """Whether the model has eyes: every vision model of transformers has this section."""
        self._special = reader.special_tokens()
        sizes = {path: len(data) for path, data in contents.items()}
        chosen = choose_template(ModelSnapshot(sizes=sizes, contents=contents), reader).value
        self._template = None if chosen is None else SafeTemplate(chosen.source)

    @property
    def takes_tools(self) -> bool:
        """Whether the chat template tells the model of tools at all."""
        return self._template is not None and self._template.reads("tools")

    def count(self, prompt: Prompt) -> Count:
        """Counts a prompt's tokens; only at least, where the template cannot be rendered here, or there are images."""
        if self._tokenizer is None:
            return Count(tokens=0, why_not_exact=f"the model has no {TOKENIZER}")
        if not prompt.messages:
            return Count(tokens=self._tokens(prompt.text, is_plain=True))
        messages = [_as_rendered(message) for message in prompt.messages]
        least = sum(self._tokens(text, is_plain=False) for message in messages for text in _texts(message))
        if self._template is None:
            return Count(tokens=least, why_not_exact="the model has no chat template")
        rendering = self._rendered(self._template, prompt)
        if rendering.outcome is not Outcome.RENDERED:
            return Count(tokens=least, why_not_exact=f"the chat template was not rendered: {rendering.text}")
        tokens = self._tokens(rendering.text, is_plain=False)
        if any(map(_has_images, prompt.messages)):
            return Count(tokens=tokens, why_not_exact="what an image takes is known to the engine alone")
        return Count(tokens=tokens)

    def refusal(self, prompt: Prompt) -> str:
        """Returns what the chat template says of a conversation that it refuses; empty where it does not."""
        if self._template is None or not prompt.messages:
            return ""
        rendering = self._rendered(self._template, prompt)
        return rendering.text if rendering.outcome is Outcome.REFUSED else ""

    def _rendered(self, template: SafeTemplate, prompt: Prompt) -> Rendering:
        variables: dict[str, JsonValue] = {
            **self._special,
            "documents": None,
            **prompt.arguments,
            "messages": [_as_rendered(message) for message in prompt.messages],
            "tools": prompt.tools,
            "add_generation_prompt": True,
        }
        return template.render(variables, _limits(variables))

    def _tokens(self, text: str, *, is_plain: bool) -> int:
        """A template writes the special tokens itself; a plain text is given those that the tokenizer adds."""
        if self._tokenizer is None:
            return 0
        return len(self._tokenizer.encode_batch_fast([text], add_special_tokens=is_plain)[0].ids)


def _load(data: bytes | None) -> tokenizers.Tokenizer | None:
    if data is None:
        return None
    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(data)
    except Exception:  # noqa: BLE001  # the library raises no narrower class
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _as_rendered(message: JsonObject) -> JsonObject:
    """Returns a message as engines give it to templates: arguments of tool calls as objects, images as places only."""
    content = message.get("content")
    if _has_images(message) and isinstance(content, list | tuple):
        places = [{"type": "image"} if _is_image(part) else part for part in content]
        message = {**message, "content": places}
    calls = message.get("tool_calls")
    if not isinstance(calls, list | tuple):
        return message
    return {**message, "tool_calls": [_with_arguments(call) for call in calls]}


def _with_arguments(call: JsonValue) -> JsonValue:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        return call
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return call
    try:
        return {**call, "function": {**function, "arguments": json.loads(arguments)}}
    except ValueError:
        return call


def _texts(message: JsonObject) -> list[str]:
    content = message.get("content")
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list | tuple) else ()
    return [text for part in parts if isinstance(part, Mapping) and isinstance(text := part.get("text"), str)]


def _has_images(message: JsonObject) -> bool:
    content = message.get("content")
    return isinstance(content, list | tuple) and any(map(_is_image, content))


def _is_image(part: JsonValue) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "image_url"


def _limits(variables: JsonObject) -> Limits:
    """What a conversation of this size may take; that of a short one is what it was checked with at import."""
    short = Limits()
    letters, items = _size(variables)
    work = (letters // 32 + items) * _PASSES * (1 + items // 100)
    return Limits(
        largest_text=short.largest_text + 4 * letters,
        most_items=short.most_items + 4 * items,
        steps=min(short.steps + work, _MOST_STEPS),
        largest_output=short.largest_output + 4 * letters,
    )


def _size(value: JsonValue) -> tuple[int, int]:
    """Returns the letters and the items of a value."""
    letters, items, pending = 0, 0, [value]
    while pending:
        item = pending.pop()
        items += 1
        if isinstance(item, str):
            letters += len(item)
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
    return letters, items
