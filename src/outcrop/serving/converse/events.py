"""From the deltas of an engine to the events of ConverseStream: an explicit state machine. Pure.

                 ┌────────── text ──────────┐
    messageStart ┤       reasoning          ├ any number, one open at a time ─▶ messageStop ─▶ metadata
                 └────── toolUse (of a call)┘

A delta of another kind than the open block, or of another call, closes the block and opens the next. The events of a
whole reply are the same; `whole_output` adds them up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from outcrop.records import JsonObject, JsonValue
from outcrop.serving.deltas import Delta, StreamEnd

Event = Mapping[str, Mapping[str, Any]]
"""One event: a mapping with exactly one member of ConverseStream's union."""

LONGEST_ID = 64


class Block(Enum):
    """What kind of content block is open."""

    NONE = auto()
    TEXT = auto()
    REASONING = auto()
    TOOL_USE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a reply stands."""

    block: Block = Block.NONE
    index: int = -1
    """Of the open block, or of the last one."""
    call: int = -1
    """Which call an open toolUse block is of, in the engine's counting."""
    calls_tools: bool = False


def step(state: State, delta: Delta, new_id: Callable[[], str]) -> tuple[State, list[Event]]:
    """Returns the next state, and the events of a delta.

    Args:
        state: where the reply stands.
        delta: what is added to it.
        new_id: makes the id of a tool use, for engines that give none.
    """
    events: list[Event] = []
    if delta.reasoning:
        state, opened = _open(state, Block.REASONING)
        events += [*opened, _delta(state, {"reasoningContent": {"text": delta.reasoning}})]
    if delta.text:
        state, opened = _open(state, Block.TEXT)
        events += [*opened, _delta(state, {"text": delta.text})]
    for part in delta.tool_calls:
        state, called = _tool_use(state, part, new_id)
        events += called
    return state, events


def close(state: State) -> tuple[State, list[Event]]:
    """Returns the state without an open block, and the event that closes the one that is."""
    if state.block is Block.NONE:
        return state, []
    return replace(state, block=Block.NONE), [{"contentBlockStop": {"contentBlockIndex": state.index}}]


def stop_reason(end: StreamEnd, state: State, stop_sequences: Sequence[str]) -> str:
    """Returns Converse's word for why a reply ended (SPEC 3.4.7)."""
    choice = end.choices[0]
    match choice.finish_reason:
        case "length":
            return "max_tokens"
        case "content_filter":
            return "content_filtered"
        case _ if state.calls_tools:
            return "tool_use"
        case _:
            return "stop_sequence" if choice.stop in stop_sequences else "end_turn"


class Conversation:
    """The events of one reply, in order."""

    def __init__(
        self, *, stop_sequences: Sequence[str], response_paths: Sequence[str], new_id: Callable[[], str]
    ) -> None:
        self._stop_sequences = stop_sequences
        self._response_paths = response_paths
        self._new_id = new_id
        self._state = State()

    def begin(self) -> list[Event]:
        """Returns the events before any content."""
        return [{"messageStart": {"role": "assistant"}}]

    def add(self, delta: Delta) -> list[Event]:
        """Returns the events of a delta."""
        self._state, events = step(self._state, delta, self._new_id)
        return events

    def end(self, end: StreamEnd, *, latency_ms: int) -> list[Event]:
        """Returns the events after all content; a reply of nothing has an empty text, since clients read the first."""
        events = self._add_empty() if self._state.index < 0 else []
        self._state, closed = close(self._state)
        stop: dict[str, Any] = {"stopReason": stop_reason(end, self._state, self._stop_sequences)}
        fields = _fields(end, self._response_paths)
        if fields:
            stop["additionalModelResponseFields"] = fields
        usage = {
            "inputTokens": end.input_tokens,
            "outputTokens": end.output_tokens,
            "totalTokens": end.input_tokens + end.output_tokens,
        }
        metadata = {"usage": usage, "metrics": {"latencyMs": latency_ms}}
        return [*events, *closed, {"messageStop": stop}, {"metadata": metadata}]

    def _add_empty(self) -> list[Event]:
        self._state, opened = _open(self._state, Block.TEXT)
        return [*opened, _delta(self._state, {"text": ""})]


def whole_output(events: Sequence[Event]) -> dict[str, Any]:
    """Returns the output of Converse that the events of a reply add up to."""
    blocks: dict[int, dict[str, Any]] = {}
    output: dict[str, Any] = {}
    for event in events:
        ((kind, value),) = event.items()
        match kind:
            case "contentBlockStart":
                blocks[value["contentBlockIndex"]] = {"toolUse": {**value["start"]["toolUse"], "input": ""}}
            case "contentBlockDelta":
                _add(blocks.setdefault(value["contentBlockIndex"], {}), value["delta"])
            case "messageStop" | "metadata":
                output |= value
            case _:
                continue
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = _input(block["toolUse"]["input"])
    content = [block for _, block in sorted(blocks.items())]
    return {"output": {"message": {"role": "assistant", "content": content}}, **output}


def _open(state: State, block: Block, call: int = -1) -> tuple[State, list[Event]]:
    """Makes sure that a block is open."""
    if state.block is block and state.call == call:
        return state, []
    state, events = close(state)
    opened = replace(state, block=block, index=state.index + 1, call=call)
    return replace(opened, calls_tools=opened.calls_tools or block is Block.TOOL_USE), events


def _tool_use(state: State, part: JsonObject, new_id: Callable[[], str]) -> tuple[State, list[Event]]:
    index, function = part.get("index"), part.get("function")
    call = index if isinstance(index, int) else 0
    said: JsonObject = function if isinstance(function, Mapping) else {}
    before = state
    state, events = _open(state, Block.TOOL_USE, call)
    if state is not before:
        given = part.get("id")
        use = {
            "toolUseId": given if isinstance(given, str) and 0 < len(given) <= LONGEST_ID else new_id(),
            "name": str(said.get("name", "")),
        }
        events.append({"contentBlockStart": {"start": {"toolUse": use}, "contentBlockIndex": state.index}})
    arguments = said.get("arguments")
    if isinstance(arguments, str) and arguments:
        events.append(_delta(state, {"toolUse": {"input": arguments}}))
    return state, events


def _delta(state: State, delta: Mapping[str, Any]) -> Event:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": state.index}}


def _add(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    ((kind, value),) = delta.items()
    match kind:
        case "text":
            block["text"] = block.get("text", "") + value
        case "reasoningContent":
            said = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
            said["reasoningText"]["text"] += value["text"]
        case _:
            block["toolUse"]["input"] += value["input"]


def _input(text: str) -> JsonValue:
    """Returns the arguments of a call; those that are no JSON, since the reply was cut off, as the text they are."""
    try:
        found: JsonValue = json.loads(text or "{}")
    except ValueError:
        return text
    return found


def _fields(end: StreamEnd, paths: Sequence[str]) -> dict[str, JsonValue]:
    """Returns what JSON pointers find beside the text; what is not there is passed over (SPEC 3.4.5)."""
    document = {"stop_sequence": end.choices[0].stop, "finish_reason": end.choices[0].finish_reason}
    names = (path.removeprefix("/").replace("~1", "/").replace("~0", "~") for path in paths)
    return {name: document[name] for name in names if name in document}
