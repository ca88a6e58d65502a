"""Tool calls in the words of each family, however the words were cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.serving.deltas import Delta
from outcrop.serving.tool_calls import ToolCall, ToolReader, read_calls

NAMES = ["weather", "time-of.day"]
CALL = '{"name": "weather", "arguments": {"city": "Ulm"}}'
ULM = ("weather", {"city": "Ulm"})

SAID = [
    (f"<tool_call>\n{CALL}\n</tool_call>", "", [ULM]),
    (f"Let me see.\n<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>\n", "Let me see.\n", [ULM, ULM]),
    (f"<tool_call>{CALL}</tool_call> And so on.", " And so on.", [ULM]),
    (f"<tool_call>{CALL}", "", [ULM]),
    (f"[TOOL_CALLS][{CALL}, {CALL}]", "", [ULM, ULM]),
    ('[TOOL_CALLS]weather[ARGS]{"city": "Ulm"}', "", [ULM]),
    (f"[{CALL}]", "", [ULM]),
    (f" \n{CALL}", "", [ULM]),
    (f"{CALL}; {CALL}", "", [ULM, ULM]),
    ('<|python_tag|>{"name": "weather", "parameters": {"city": "Ulm"}}', "", [ULM]),
    ('{"type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Ulm\\"}"}}', "", [ULM]),
    ('{"type": "function", "function": "weather", "parameters": {"city": "Ulm"}}', "", [ULM]),
    ('{"name": "time-of.day"}', "", [("time-of.day", {})]),
]
TEXTS = [
    "",
    " ",
    "\n",
    "No call. <tool",
    "[TOOL_",
    "[1, 2]",
    "a { b } [c]",
    '{"city": "Ulm"}',
    '{"name": "rm", "arguments": {}}',
    '<tool_call>{"name": "rm", "arguments": {}}</tool_call>',
    "<tool_call>what?</tool_call>",
    '{"name": "weather", "arguments": [1]}',
    '{"name": "weather"',
    f"{CALL} is how to call it.",
]


def read(text: str, size: int, names: list[str] = NAMES) -> tuple[str, list[tuple[str, Any]]]:
    """Reads a text in pieces; returns what is left as text, and the calls."""
    reader = ToolReader(names, lambda: "id")
    deltas = [
        delta for at in range(0, len(text), size) for delta in reader.read(Delta(text=text[at : at + size]))
    ] + reader.end()
    parts: list[Any] = [part for delta in deltas for part in delta.tool_calls]
    assert [part["index"] for part in parts] == list(range(len(parts)))
    assert reader.has_calls == bool(parts)
    calls = [(part["function"]["name"], json.loads(part["function"]["arguments"])) for part in parts]
    return "".join(delta.text for delta in deltas), calls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("said", "text", "calls"), SAID)
def test_calls_are_read(said: str, text: str, calls: list[Any], size: int) -> None:
    """The words around them pass, their marks do not."""
    assert read(said, size) == (text, calls)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("said", TEXTS)
def test_what_is_no_call_is_text(said: str, size: int) -> None:
    """Word for word."""
    assert read(said, size) == (said, [])


@given(st.text(alphabet='<tol_ca>[TOOL_CALLS]{"name": 1}| \n', max_size=40), st.integers(1, 9))
def test_no_text_is_lost(said: str, size: int) -> None:
    """Whatever looks like the beginning of a call."""
    assert read(said, size) == (said, [])


def test_without_tools_everything_passes() -> None:
    """Nobody asked for calls."""
    assert read(SAID[0][0], 5, names=[]) == (SAID[0][0], [])


def test_text_that_cannot_be_a_call_is_not_held_back() -> None:
    """A stream stays a stream."""
    reader = ToolReader(NAMES, lambda: "id")

    assert reader.read(Delta(text="Hel")) == [Delta(text="Hel")]
    assert reader.read(Delta(text="lo <")) == [Delta(text="lo ")]
    assert reader.read(Delta(text="b>")) == [Delta(text="<b>")]


def test_reasoning_and_calls_of_the_engine_pass() -> None:
    """Engines that read calls themselves are left alone, and count as having called."""
    reader = ToolReader(NAMES, lambda: "id")
    delta = Delta(reasoning="hm", tool_calls=({"index": 0},))

    found = reader.read(delta)

    assert (found, reader.has_calls) == ([delta], True)


def test_deep_nesting_is_no_call() -> None:
    """And no crash."""
    assert read_calls("[" * 100_000, NAMES) == []
    assert read_calls(CALL, NAMES) == [ToolCall("weather", {"city": "Ulm"})]
