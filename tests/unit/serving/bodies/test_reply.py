"""What callers are answered, member by member."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.adapters import engine_transformers, engine_vllm
from outcrop.errors import EngineError
from outcrop.serving.bodies import InvokeReply, ReplyIdentity, answer, parse

IDENTITY = ReplyIdentity(id="0123456789abcdef" * 2, created=1_800_000_000, model="000000000000-abcdefghijkl")
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def completion_reply(text: str, **members: Any) -> dict[str, Any]:
    """A reply of the OpenAI completions API, as engines give it."""
    return {"choices": [{"index": 0, "text": text, "finish_reason": "stop", **members}], "usage": USAGE}


def chat_reply(content: str | None, **members: Any) -> dict[str, Any]:
    """A reply of the OpenAI chat API, as engines give it."""
    message = {"role": "assistant", "content": content, **members}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "length"}], "usage": USAGE}


def reply_to(asked: dict[str, Any], engine_reply: dict[str, Any]) -> InvokeReply:
    """What is answered to a body when the engine, here vLLM, replies so."""
    return answer(parse(json.dumps(asked).encode()), engine_reply, engine_vllm.CAPABILITIES, IDENTITY)


def test_bedrock_completion() -> None:
    """SPEC 10.1.2, complete."""
    read = reply_to({"prompt": "x"}, completion_reply("hello"))

    assert read.body == {
        "generation": "hello",
        "prompt_token_count": 3,
        "generation_token_count": 4,
        "stop_reason": "stop",
        "logprobs": None,
    }


def test_openai_completion() -> None:
    """SPEC 10.2.2, complete."""
    read = reply_to({"prompt": "x", "max_tokens": 5}, completion_reply("hello"))

    assert read.body == {
        "id": "cmpl-0123456789abcdef0123456789abcdef",
        "object": "text_completion",
        "created": 1_800_000_000,
        "model": "000000000000-abcdefghijkl",
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_openai_chat_completion() -> None:
    """SPEC 10.3.4, complete."""
    read = reply_to({"messages": [{"role": "user", "content": "x"}]}, chat_reply("hello"))

    assert read.body == {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": "000000000000-abcdefghijkl",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "hello",
                    "refusal": None,
                    "annotations": None,
                    "audio": None,
                    "function_call": None,
                    "tool_calls": [],
                    "reasoning_content": None,
                },
                "logprobs": None,
                "finish_reason": "length",
                "stop_reason": None,
                "token_ids": None,
            }
        ],
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {**USAGE, "prompt_tokens_details": None},
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "kv_transfer_params": None,
    }


def test_token_counts_are_the_engine_s() -> None:
    """The headers of SPEC 3.1.5 say what the engine counted."""
    read = reply_to({"prompt": "x"}, completion_reply("hello"))

    assert (read.input_tokens, read.output_tokens) == (3, 4)


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_reasoning_is_passed_on(member: str) -> None:
    """VLLM calls it `reasoning`, the documented reply `reasoning_content` (SPEC 10.3.7)."""
    read = reply_to({"messages": [{"role": "user", "content": "x"}]}, chat_reply(None, **{member: "hmm"}))
    choice = json.loads(json.dumps(read.body))["choices"][0]

    assert choice["message"]["reasoning_content"] == "hmm"
    assert choice["message"]["content"] is None


@pytest.mark.parametrize(
    ("stop", "text", "kept", "finish_reason"),
    [
        (["\n"], "one\n", "one", "stop"),
        (["b", "a"], "xaxb", "x", "stop"),
        (["ab", "abc"], "xabc", "x", "stop"),
        (["z"], "one", "one", "length"),
        ([], "one\n", "one\n", "length"),
    ],
)
def test_text_ends_before_the_stop_string(stop: list[str], text: str, kept: str, finish_reason: str) -> None:
    """OpenAI's texts do not hold the stop string; transformers serve leaves it in, and may call it `length`."""
    request = parse(json.dumps({"prompt": "x", "stop": stop}).encode())
    read = answer(request, completion_reply(text, finish_reason="length"), engine_transformers.CAPABILITIES, IDENTITY)

    assert (read.body["generation"], read.body["stop_reason"]) == (kept, finish_reason)


def test_the_stop_string_that_was_met_is_named_in_a_chat() -> None:
    """VLLM's `stop_reason`, part of the documented reply, holds it."""
    request = parse(b'{"messages": [{"role": "user", "content": "x"}], "stop": "!"}')
    read = answer(request, chat_reply("hi! there"), engine_transformers.CAPABILITIES, IDENTITY)
    choice = json.loads(json.dumps(read.body))["choices"][0]

    assert (choice["message"]["content"], choice["finish_reason"], choice["stop_reason"]) == ("hi", "stop", "!")


def test_log_probabilities_by_token_id() -> None:
    """SPEC 10.1.3: one object for each token, its id as the key."""
    logprobs = {"tokens": ["token_id:168", "token_id:9"], "token_logprobs": [-0.5, -1.5]}
    read = reply_to({"prompt": "x", "return_logprobs": True}, completion_reply("hello", logprobs=logprobs))

    assert read.body["logprobs"] == [{"168": -0.5}, {"9": -1.5}]


def test_log_probabilities_of_a_completion_are_passed_on_when_asked_for() -> None:
    """They stand where vLLM puts them, and nowhere when they were not asked for."""
    asked = {"prompt": "x", "max_tokens": 5, "logprobs": 1, "prompt_logprobs": 1}
    given = {"logprobs": {"tokens": ["a"], "token_logprobs": [-1.0]}, "prompt_logprobs": [None]}
    choice = json.loads(json.dumps(reply_to(asked, completion_reply("a", **given)).body))["choices"][0]

    assert {member: choice[member] for member in given} == given


def test_log_probabilities_of_a_chat_are_passed_on() -> None:
    """SPEC 10.3.5: tokens in the choice, the prompt's at the top."""
    logprobs = {"content": [{"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}]}
    engine_reply = chat_reply("a") | {"prompt_logprobs": [None, {"5": {"logprob": -2.0}}]}
    engine_reply["choices"][0]["logprobs"] = logprobs
    asked = {"messages": [{"role": "user", "content": "x"}], "logprobs": True, "prompt_logprobs": 1}
    body = json.loads(json.dumps(reply_to(asked, engine_reply).body))

    assert body["choices"][0]["logprobs"] == logprobs
    assert body["prompt_logprobs"] == [None, {"5": {"logprob": -2.0}}]


def test_several_choices_are_numbered() -> None:
    """Each choice of `n` is answered."""
    engine_reply = completion_reply("a")
    engine_reply["choices"].append({"index": 1, "text": "b", "finish_reason": "length"})
    body = json.loads(json.dumps(reply_to({"prompt": "x", "max_tokens": 5, "n": 2}, engine_reply).body))

    assert [(choice["index"], choice["text"]) for choice in body["choices"]] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize(
    ("engine_reply", "message"),
    [
        ({}, "no usage"),
        ({"usage": {"prompt_tokens": 1}}, "no completion_tokens"),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 1}}, "no prompt_tokens"),
        ({"usage": USAGE}, "no choices"),
        ({"usage": USAGE, "choices": []}, "no choices"),
        ({"usage": USAGE, "choices": [{"finish_reason": "stop"}]}, "a choice without text"),
        ({"usage": USAGE, "choices": [{"text": "x", "finish_reason": "bored"}]}, "the finish reason 'bored'"),
        (completion_reply("x", logprobs=5), "log probabilities that are no object"),
        (completion_reply("x", logprobs={"tokens": ["a"]}), "log probabilities without tokens"),
    ],
)
def test_a_reply_that_is_not_of_the_api_is_an_engine_error(engine_reply: dict[str, Any], message: str) -> None:
    """What an engine leaves out is not made up."""
    with pytest.raises(EngineError) as caught:
        reply_to({"prompt": "x"}, engine_reply)

    assert str(caught.value) == f"the engine answered with {message}"
