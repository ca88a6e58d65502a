"""Whole replies are read as streams are."""

from typing import Any

from outcrop.adapters import engine_transformers
from outcrop.serving.bodies import InvokeRequest, Sampling, Schema
from outcrop.serving.deltas import Delta
from outcrop.serving.reading import ReplyReader, as_chunk, tool_names, with_calls

TOOL = {"type": "function", "function": {"name": "look"}}
CALL = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
USAGE = {"prompt_tokens": 1, "completion_tokens": 2}


def request(*tools: Any) -> InvokeRequest:
    """A chat that declares tools."""
    return InvokeRequest(schema=Schema.CHAT, sampling=Sampling(), options={"tools": list(tools)} if tools else {})


def reply(**message: Any) -> dict[str, Any]:
    """An engine's whole reply."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": USAGE}


def test_the_names_of_declared_tools() -> None:
    """Those of functions."""
    assert list(tool_names(request(TOOL, {"type": "other"}))) == ["look"]
    assert list(tool_names(request())) == []


def test_a_whole_reply_is_the_only_chunk_of_a_stream() -> None:
    """Calls are told apart, though whole replies do not number them."""
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    reader = ReplyReader(request(TOOL), engine_transformers.CAPABILITIES, lambda: "id")

    deltas = reader.read(as_chunk(reply(content=None, tool_calls=calls)))
    ending = reader.finish()

    assert deltas == [Delta(tool_calls=({"index": 0, **calls[0]}, {"index": 1, **calls[1]}))]
    assert ending.deltas == ()
    assert ending.end.choices[0].finish_reason == "tool_calls"


def test_calls_in_words_become_calls_of_the_message() -> None:
    """In the whole reply of a chat, with OpenAI's finish reason."""
    found: Any = with_calls(reply(content=f"Wait. {CALL}"), ["look"], lambda: "id")

    call = {"index": 0, "id": "id", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "Wait. ", "tool_calls": [call]}
    assert found["choices"][0]["finish_reason"] == "tool_calls"


def test_a_reply_without_calls_stays_as_it_is() -> None:
    """Also where no tools were declared."""
    said = reply(content=CALL)

    assert with_calls(said, [], lambda: "id") == said
    assert with_calls(said, ["other"], lambda: "id") == said
    assert with_calls(reply(content=None), ["look"], lambda: "id") == reply(content=None)
