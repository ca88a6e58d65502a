"""What is read from the chunks of engines."""

from typing import Any

import pytest

from outcrop.errors import EngineError
from outcrop.serving.deltas import ChoiceEnd, ChunkReader, Delta, StreamEnd

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def text(piece: str, finish_reason: str | None = None, **members: Any) -> dict[str, Any]:
    """A choice of a completion."""
    return {"index": 0, "text": piece, "finish_reason": finish_reason, **members}


def test_vllm_tells_the_usage_in_a_chunk_without_choices() -> None:
    """https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options."""
    reader = ChunkReader()

    found = [
        reader.read({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        reader.read({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}),
        reader.read({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "#"}]}),
        reader.read({"choices": [], "usage": USAGE}),
    ]

    assert found == [[], [Delta(text="Hi")], [], []]
    end = ChoiceEnd(index=0, finish_reason="stop", stop="#")
    assert reader.end() == StreamEnd(choices=(end,), input_tokens=3, output_tokens=2)


def test_transformers_tells_the_usage_with_the_finish_reason() -> None:
    """And leaves out members that are null."""
    reader = ChunkReader()

    found = [
        reader.read({"choices": [{"index": 0, "text": "Hi"}]}),
        reader.read({"choices": [text("", "length")], "usage": USAGE}),
    ]

    assert found == [[Delta(text="Hi")], []]
    assert reader.end().choices == (ChoiceEnd(index=0, finish_reason="length"),)


def test_a_stop_string_ends_the_text_whatever_the_engine_says() -> None:
    """An engine that keeps stop strings may say `length` when they came with the last token."""
    reader = ChunkReader(["##"])

    found = [reader.read({"choices": [text(piece)]}) for piece in ("a#", "#b")]
    found.append(reader.read({"choices": [text("c", "length")], "usage": USAGE}))

    assert found == [[Delta(text="a")], [], []]
    assert reader.end().choices == (ChoiceEnd(index=0, finish_reason="stop", stop="##"),)


def test_what_was_held_back_comes_with_the_end() -> None:
    """Half a stop string is text like any other."""
    reader = ChunkReader(["##"])

    found = [reader.read({"choices": [text("a#")]}), reader.read({"choices": [text("", "stop")]})]

    assert found == [[Delta(text="a")], [Delta(text="#")]]


def test_choices_are_kept_apart() -> None:
    """Each has its own stop string and its own end."""
    reader = ChunkReader(["#"])
    second = {"index": 1, "text": "b", "finish_reason": None}

    reader.read({"choices": [text("a#"), second]})
    reader.read({"choices": [text("", "stop"), {**second, "text": "c", "finish_reason": "length"}], "usage": USAGE})

    assert [(end.index, end.finish_reason) for end in reader.end().choices] == [(0, "stop"), (1, "length")]


def test_reasoning_and_tool_calls_are_told_apart_from_text() -> None:
    """Both names of reasoning: `reasoning` is what vLLM calls it."""
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}

    deltas = [
        delta
        for said in ({"reasoning": "a"}, {"reasoning_content": "b"}, {"tool_calls": [call]})
        for delta in ChunkReader().read({"choices": [{"index": 0, "delta": said}]})
    ]

    assert deltas == [Delta(reasoning="a"), Delta(reasoning="b"), Delta(tool_calls=(call,))]


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([], "before it was finished"),
        ([{"choices": [text("a")], "usage": USAGE}], "before it was finished"),
        ([{"choices": [text("a", "stop")]}], "no usage"),
        ([{"choices": [text("a", "stop")], "usage": {"prompt_tokens": -1}}], "no prompt_tokens"),
    ],
)
def test_a_stream_that_is_cut_short_is_an_engine_error(chunks: list[dict[str, Any]], reason: str) -> None:
    """Half an answer is not passed off as a whole one."""
    reader = ChunkReader()
    for chunk in chunks:
        reader.read(chunk)

    with pytest.raises(EngineError, match=reason):
        reader.end()


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": [1]},
        {"choices": [text("a", index="x")]},
        {"choices": [{"delta": 1}]},
        {"choices": [{"delta": {"content": 1}}]},
        {"choices": [text("", "bored")]},
    ],
)
def test_nonsense_is_an_engine_error(chunk: dict[str, Any]) -> None:
    """Chunks that are not of the OpenAI API."""
    with pytest.raises(EngineError, match="the engine answered with"):
        ChunkReader().read(chunk)
