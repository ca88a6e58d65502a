"""The chunks of InvokeModelWithResponseStream, in every schema."""

import json
from typing import Any

import pytest

from outcrop.serving.bodies import ChunkWriter, ReplyIdentity, Schema, Timings, parse
from outcrop.serving.deltas import ChoiceEnd, Delta, StreamEnd

IDENTITY = ReplyIdentity(id="f" * 32, created=1, model="000000000000-abc")
END = StreamEnd(choices=(ChoiceEnd(index=0, finish_reason="stop"),), input_tokens=3, output_tokens=2)
METRICS = {"inputTokenCount": 3, "outputTokenCount": 2, "invocationLatency": 20, "firstByteLatency": 5}


def write(body: dict[str, Any], *deltas: Delta, end: StreamEnd = END, older: Schema | None = None) -> list[Any]:
    """Writes a whole stream; returns its chunks."""
    writer = ChunkWriter(parse(json.dumps(body).encode(), older), IDENTITY)
    chunks = [writer.piece(delta) for delta in deltas]
    return [*chunks, *writer.last(end, Timings(first_ms=5, whole_ms=20))]


def test_bedrock_s_own_schema() -> None:
    """SPEC 10.5.1 and 10.5.2; log probabilities with their token."""
    logprobs = {"tokens": ["token_id:7"], "token_logprobs": [-0.5]}

    chunks = write({"prompt": "x"}, Delta(text="a", logprobs=logprobs), Delta(text="b"))

    assert chunks == [
        {
            "generation": "a",
            "prompt_token_count": None,
            "generation_token_count": 1,
            "stop_reason": None,
            "logprobs": [{"7": -0.5}],
        },
        {
            "generation": "b",
            "prompt_token_count": None,
            "generation_token_count": 2,
            "stop_reason": None,
            "logprobs": None,
        },
        {
            "generation": "",
            "prompt_token_count": 3,
            "generation_token_count": 2,
            "stop_reason": "stop",
            "logprobs": None,
            "amazon-bedrock-invocationMetrics": METRICS,
        },
    ]


def test_the_older_formats() -> None:
    """SPEC 10.4: Meta's reply has no log probabilities, Mistral's is a list of outputs."""
    meta = write({"prompt": "x", "max_tokens": 5}, Delta(text="a"), older=Schema.META)
    mistral = write({"prompt": "x", "max_tokens": 5}, Delta(text="a"), older=Schema.MISTRAL)

    assert meta[0] == {
        "generation": "a",
        "prompt_token_count": None,
        "generation_token_count": 1,
        "stop_reason": None,
    }
    assert mistral == [
        {"outputs": [{"text": "a", "stop_reason": None}]},
        {"outputs": [{"text": "", "stop_reason": "stop"}], "amazon-bedrock-invocationMetrics": METRICS},
    ]


def test_a_completion() -> None:
    """OpenAI's chunks, with usage and metrics in the one that has the finish reason."""
    first, last = write({"prompt": "x", "max_tokens": 5}, Delta(text="a"))

    head = {"id": f"cmpl-{'f' * 32}", "object": "text_completion", "created": 1, "model": "000000000000-abc"}
    choice = {"index": 0, "text": "a", "logprobs": None, "finish_reason": None, "stop_reason": None}
    assert first == {**head, "choices": [choice]}
    assert last == {
        **head,
        "choices": [{**choice, "text": "", "finish_reason": "stop", "stop_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        "amazon-bedrock-invocationMetrics": METRICS,
    }


def test_a_chat() -> None:
    """The role comes with the first piece only; reasoning and tool calls where there are any."""
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}

    chunks = write({"messages": [{"role": "user", "content": "x"}]}, Delta(reasoning="r"), Delta(tool_calls=(call,)))

    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": "", "reasoning_content": "r"},
        {"tool_calls": [call]},
        {},
    ]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("members", [{"max_gen_len": 1}, {"max_tokens": 1}])
def test_a_reply_of_nothing_is_one_chunk(members: dict[str, Any]) -> None:
    """A model that ends at once still has a finish reason and counts."""
    chunks = write({"prompt": "x", **members})

    assert len(chunks) == 1
    assert chunks[0]["amazon-bedrock-invocationMetrics"] == METRICS


def test_several_choices_end_one_by_one() -> None:
    """Each chunk has one choice, never none; the last ends the last choice and has the counts."""
    ends = tuple(ChoiceEnd(index=index, finish_reason="stop") for index in (0, 1))
    end = StreamEnd(choices=ends, input_tokens=3, output_tokens=2)

    chunks = write({"prompt": "x", "max_tokens": 5, "n": 2}, Delta(text="a"), Delta(index=1, text="b"), end=end)

    assert [len(chunk["choices"]) for chunk in chunks] == [1, 1, 1, 1]
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1, 0, 1]
    assert ["usage" in chunk for chunk in chunks] == [False, False, False, True]
