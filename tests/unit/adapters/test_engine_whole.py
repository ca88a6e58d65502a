"""The chunks of a stream make the reply that the OpenAI API gives whole."""

from collections.abc import AsyncIterator

import pytest

from outcrop.adapters.engine_whole import whole_reply
from outcrop.errors import EngineError
from outcrop.records import JsonObject

pytestmark = pytest.mark.anyio

USAGE: JsonObject = {"prompt_tokens": 1, "completion_tokens": 2}


async def streamed(*chunks: JsonObject) -> AsyncIterator[JsonObject]:
    """A stream of chunks."""
    for chunk in chunks:
        yield chunk


def choice(finish_reason: str | None = None, **members: object) -> JsonObject:
    """A chunk of one choice."""
    found: JsonObject = {"choices": [{"index": 0, "finish_reason": finish_reason, **members}]}  # type: ignore[dict-item]
    return found


async def test_a_completion_is_put_together() -> None:
    """Text, finish reason, and the usage of a chunk without choices."""
    chunks = streamed(choice(text="a"), choice(text="b"), choice("stop", text=""), {"choices": [], "usage": USAGE})

    reply = await whole_reply(chunks)

    assert reply == {"choices": [{"index": 0, "finish_reason": "stop", "text": "ab"}], "usage": USAGE}


async def test_a_chat_is_put_together() -> None:
    """Content and reasoning apart, and tool calls as they come; without content there is none."""
    call: JsonObject = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    chunks = streamed(
        choice(delta={"role": "assistant"}),
        choice(delta={"reasoning_content": "hm"}),
        choice(delta={"tool_calls": [call]}),
        {**choice("tool_calls", delta={}), "usage": USAGE},
    )

    reply = await whole_reply(chunks)

    message = {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]}
    assert reply == {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}], "usage": USAGE}


async def test_an_empty_chat_has_an_empty_text() -> None:
    """Clients expect a text where no tool was called."""
    reply = await whole_reply(streamed({**choice("stop", delta={"role": "assistant"}), "usage": USAGE}))

    assert reply["choices"] == [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ""}}]


async def test_a_reply_that_is_cut_short_is_none() -> None:
    """Half an answer is not passed off as a whole one."""
    with pytest.raises(EngineError, match="before it was finished"):
        await whole_reply(streamed(choice(text="a")))
