"""Reads tool calls out of what models say, in the forms that the families were trained to write. Pure.

    Hermes, Qwen        <tool_call>{"name": …, "arguments": {…}}</tool_call>, any number, among text
    Llama 3             {"name": …, "parameters": {…}}, perhaps after <|python_tag|>; several with `;` between
    Mistral             [TOOL_CALLS][{"name": …, "arguments": {…}}], or [TOOL_CALLS]name[ARGS]{…}; the mark may be lost

Something is a call only when it names a tool that the request declares; all else is text and passes as it is. Engines
that read calls themselves are left alone. The calls come out as OpenAI's, one whole call in each delta.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from outcrop.records import JsonObject, JsonValue
from outcrop.serving.deltas import Delta
from outcrop.serving.stops import StopFilter

OPEN_TAG, CLOSE_TAG = "<tool_call>", "</tool_call>"
MARKS = (OPEN_TAG, "[TOOL_CALLS]", "<|python_tag|>")
_FIRST_MEMBER = re.compile(r'[\s\[{]*"([^"\\]*)"')
_CALL_MEMBERS = frozenset({"name", "arguments", "parameters", "function", "type", "id"})
_NAME_AND_ARGUMENTS = re.compile(r"\s*([\w.:-]+)\s*(?:\[ARGS\])?\s*(?=\{)")


class _Mode(Enum):
    OPENING = auto()
    """Nothing but blanks was said since the beginning, or since the last call."""
    TEXT = auto()
    CALL = auto()
    """Behind a mark: everything up to its end is a call."""
    BARE = auto()
    """Behind a bracket that may begin a call without a mark."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool."""

    name: str
    arguments: JsonObject


class ToolReader:
    """Reads the deltas of one choice."""

    def __init__(self, names: Collection[str], new_id: Callable[[], str]) -> None:
        """Keeps what is needed.

        Args:
            names: of the tools that the request declares; where there are none, everything passes.
            new_id: makes the id of a call, unpredictable.
        """
        self._names = frozenset(names)
        self._new_id = new_id
        self._mode = _Mode.OPENING
        self._mark = ""
        self._held = ""
        self._marks = StopFilter(MARKS)
        self._calls = 0

    @property
    def has_calls(self) -> bool:
        """Whether a tool was called."""
        return self._calls > 0

    def read(self, delta: Delta) -> list[Delta]:
        """Returns what is known by now."""
        if delta.tool_calls:
            self._calls += 1
        if not self._names or not delta.text:
            return [delta]
        found = self._feed(delta.text)
        rest = replace(delta, text="")
        return found if rest.is_empty else [rest, *found]

    def end(self) -> list[Delta]:
        """Returns what was held back, now that nothing follows."""
        held, mode = self._held, self._mode
        self._held = ""
        if mode is _Mode.TEXT:
            return _text(self._marks.rest())
        if mode is _Mode.OPENING:
            return _text(held) if held.strip() or not self.has_calls else []
        return self._take(held, self._mark)

    def _feed(self, text: str) -> list[Delta]:
        match self._mode:
            case _Mode.OPENING:
                return self._open(self._held + text)
            case _Mode.TEXT:
                return self._search(text)
            case _Mode.CALL:
                return self._close(self._held + text)
            case _Mode.BARE:
                return self._weigh(self._held + text)

    def _open(self, text: str) -> list[Delta]:
        begun = text.lstrip()
        self._held = text
        if any(mark.startswith(begun) for mark in MARKS):
            return []  # also where nothing but blanks was said
        if begun[0] in "[{" and not begun.startswith(MARKS):
            self._mode, self._mark = _Mode.BARE, ""
            return self._weigh(text)
        self._held, self._mode, self._marks = "", _Mode.TEXT, StopFilter(MARKS)
        return self._search(text)

    def _search(self, text: str) -> list[Delta]:
        """Passes text up to a mark."""
        passed = self._marks.feed(text)
        if self._marks.found is None:
            return _text(passed)
        self._mode, self._mark = _Mode.CALL, self._marks.found
        said = _text(passed) if passed.strip() else []
        return [*said, *self._close(self._marks.after)]

    def _close(self, text: str) -> list[Delta]:
        """Waits for the end of a call that has one; the others end with the reply."""
        self._held = text
        if self._mark != OPEN_TAG or CLOSE_TAG not in text:
            return []
        call, _, rest = text.partition(CLOSE_TAG)
        found = self._take(call, OPEN_TAG, CLOSE_TAG)
        self._mode, self._held = _Mode.OPENING, ""
        return [*found, *self._open(rest)]

    def _weigh(self, text: str) -> list[Delta]:
        """Holds back what may be a call, until its first member tells that it is none."""
        self._held = text
        member = _FIRST_MEMBER.match(text)
        if member is None or member[1] in _CALL_MEMBERS:
            return []
        self._held, self._mode, self._marks = "", _Mode.TEXT, StopFilter(MARKS)
        return self._search(text)

    def _take(self, text: str, opening: str, closing: str = "") -> list[Delta]:
        """Returns the calls in a text; or the text as it was, when it is none."""
        calls = read_calls(text, self._names)
        if not calls:
            return _text(f"{opening}{text}{closing}")
        deltas = []
        for call in calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            part: JsonObject = {
                "index": self._calls,
                "id": self._new_id(),
                "type": "function",
                "function": {"name": call.name, "arguments": arguments},
            }
            self._calls += 1
            deltas.append(Delta(tool_calls=(part,)))
        return deltas


def read_calls(text: str, names: Collection[str]) -> list[ToolCall]:
    """Returns the calls that a text consists of; none when any part of it is something else."""
    named = _NAME_AND_ARGUMENTS.match(text)
    if named is not None:
        values = _values(text[named.end() :])
        documents: list[JsonValue] = [{"name": named[1], "arguments": value} for value in values]
        return _calls(documents, names) if len(values) == 1 else []
    found: list[JsonValue] = []
    for value in _values(text):
        found += value if isinstance(value, list) else [value]
    return _calls(found, names)


def _values(text: str) -> list[JsonValue]:
    """Returns the JSON values that a text consists of, with commas, semicolons and blanks between; else nothing."""
    decoder, values, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at] in " \t\r\n,;":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        values.append(value)
    return values


def _calls(values: list[JsonValue], names: Collection[str]) -> list[ToolCall]:
    calls = [_call(value, names) for value in values]
    return [] if None in calls else [call for call in calls if call is not None]


def _call(value: JsonValue, names: Collection[str]) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    inner = value.get("function")
    said = inner if isinstance(inner, Mapping) else value
    name = said.get("name", inner)
    arguments = said.get("arguments", said.get("parameters", {}))
    if isinstance(arguments, str):
        decoded = _values(arguments)
        arguments = decoded[0] if len(decoded) == 1 else arguments
    if not isinstance(name, str) or name not in names or not isinstance(arguments, Mapping):
        return None
    return ToolCall(name, arguments)


def _text(text: str) -> list[Delta]:
    return [Delta(text=text)] if text else []
