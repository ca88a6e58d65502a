"""Reads an engine's reply, streamed or whole: its chunks → deltas, with stop strings cut and tool calls read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies.request import InvokeRequest
from outcrop.serving.capabilities import Capabilities
from outcrop.serving.deltas import ChoiceEnd, ChunkReader, Delta, StreamEnd
from outcrop.serving.tool_calls import ToolReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What comes once the engine has said everything."""

    deltas: tuple[Delta, ...]
    """What was held back until now."""
    end: StreamEnd


class ReplyReader:
    """Reads one reply."""

    def __init__(self, request: InvokeRequest, capabilities: Capabilities, new_id: Callable[[], str]) -> None:
        """Keeps what is needed.

        Args:
            request: what was asked.
            capabilities: of the engine that answers.
            new_id: makes the id of a tool call, unpredictable.
        """
        self._chunks = ChunkReader(request.sampling.stop if capabilities.keeps_stop_text else ())
        self._names = tool_names(request)
        self._new_id = new_id
        self._tools: dict[int, ToolReader] = {}

    def read(self, chunk: JsonObject) -> list[Delta]:
        """Returns what a chunk adds. Raises EngineError for what is not of the OpenAI API."""
        deltas = self._chunks.read(chunk)
        if not self._names:
            return deltas
        return [found for delta in deltas for found in self._read_calls(delta)]

    def finish(self) -> Ending:
        """Returns the end of the reply. Raises EngineError when it was cut short."""
        end = self._chunks.end()
        held = tuple(replace(delta, index=index) for index, reader in self._tools.items() for delta in reader.end())
        return Ending(deltas=held, end=replace(end, choices=tuple(map(self._with_calls, end.choices))))

    def _read_calls(self, delta: Delta) -> list[Delta]:
        reader = self._tools.setdefault(delta.index, ToolReader(self._names, self._new_id))
        return [replace(found, index=delta.index) for found in reader.read(delta)]

    def _with_calls(self, choice: ChoiceEnd) -> ChoiceEnd:
        """Says as OpenAI does that a choice ended to call a tool."""
        has_calls = choice.index in self._tools and self._tools[choice.index].has_calls
        return replace(choice, finish_reason="tool_calls") if has_calls and choice.finish_reason == "stop" else choice


def tool_names(request: InvokeRequest) -> Collection[str]:
    """Returns the names of the tools that a request declares."""
    tools = request.options.get("tools")
    functions = [tool.get("function") for tool in _objects(tools)]
    return [str(function["name"]) for function in functions if isinstance(function, Mapping) and "name" in function]


def as_chunk(engine_reply: JsonObject) -> JsonObject:
    """Returns a whole reply as the only chunk of a stream."""
    return {**engine_reply, "choices": [_as_delta(choice) for choice in _objects(engine_reply.get("choices"))]}


def with_calls(engine_reply: JsonObject, names: Collection[str], new_id: Callable[[], str]) -> JsonObject:
    """Returns a whole reply whose messages have the tool calls that they say in words as calls."""
    if not names:
        return engine_reply
    choices = [_read_choice(choice, names, new_id) for choice in _objects(engine_reply.get("choices"))]
    return {**engine_reply, "choices": choices}


def _read_choice(choice: JsonObject, names: Collection[str], new_id: Callable[[], str]) -> JsonObject:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(content, str):
        return choice
    reader = ToolReader(names, new_id)
    deltas = [*reader.read(Delta(text=content)), *reader.end()]
    if not reader.has_calls:
        return choice
    calls = [*_objects(message.get("tool_calls")), *(call for delta in deltas for call in delta.tool_calls)]
    text = "".join(delta.text for delta in deltas)
    ended = {"finish_reason": "tool_calls"} if choice.get("finish_reason") == "stop" else {}
    return {**choice, **ended, "message": {**message, "content": text or None, "tool_calls": calls}}


def _as_delta(choice: JsonObject) -> JsonObject:
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return choice
    calls = [{"index": place, **call} for place, call in enumerate(_objects(message.get("tool_calls")))]
    return {**choice, "delta": {**message, "tool_calls": calls}}


def _objects(value: JsonValue) -> Sequence[JsonObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
