"""What engines are asked, in their own dialects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from outcrop.adapters import engine_transformers, engine_vllm
from outcrop.errors import ValidationError
from outcrop.records import ModelFacts
from outcrop.serving.bodies import DEFAULT_MAX_TOKENS, engine_request, parse

VLLM = engine_vllm.CAPABILITIES
TRANSFORMERS = engine_transformers.CAPABILITIES
MESSAGES = [{"role": "user", "content": "hello"}]


def body(**members: Any) -> bytes:
    """A body with a prompt."""
    return json.dumps({"prompt": "hello", **members}).encode()


def chat(**members: Any) -> bytes:
    """A body with messages."""
    return json.dumps({"messages": MESSAGES, **members}).encode()


def test_a_prompt_goes_to_completions(facts: ModelFacts) -> None:
    """Both completion schemas continue the text as it is, with no template."""
    asked = engine_request(parse(body(max_gen_len=5, temperature=0.5, top_p=0.9, stop=["a"])), VLLM, facts)

    assert asked.path == "/v1/completions"
    assert asked.body == {"prompt": "hello", "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["a"]}


def test_messages_go_to_chat_completions(facts: ModelFacts) -> None:
    """The engine applies the model's own chat template."""
    asked = engine_request(parse(chat(max_tokens=5, temperature=0)), VLLM, facts)

    assert asked.path == "/v1/chat/completions"
    assert asked.body == {"messages": MESSAGES, "max_tokens": 5, "temperature": 0}


def test_messages_need_a_chat_template(facts: ModelFacts) -> None:
    """SPEC 10.3.2: no template is ever supplied by default."""
    with pytest.raises(ValidationError, match="this model has no chat template"):
        engine_request(parse(chat()), VLLM, replace(facts, is_instruct=False))


@pytest.mark.parametrize(
    ("members", "context_length", "limit"),
    [
        ({}, 4096, DEFAULT_MAX_TOKENS),
        ({}, 256, 128),
        ({}, 1, 1),
        ({"max_gen_len": 700}, 4096, 700),
        ({"max_gen_len": 700}, 256, 256),
    ],
)
def test_the_limit_fits_the_context(
    facts: ModelFacts, members: dict[str, Any], context_length: int, limit: int
) -> None:
    """The default is 512 tokens or half of a short context; no limit is longer than the context."""
    asked = engine_request(parse(body(**members)), VLLM, replace(facts, context_length=context_length))

    assert asked.body["max_tokens"] == limit


@pytest.mark.parametrize(
    ("members", "config"),
    [
        ({"temperature": 0}, {"do_sample": False}),
        ({"temperature": 0, "top_p": 0.5, "top_k": 3}, {"do_sample": False, "top_k": 3}),
        ({"top_p": 0, "temperature": 1}, {"do_sample": False}),
        ({"temperature": 0.7}, {"do_sample": True, "temperature": 0.7}),
        ({"top_p": 0.9}, {"do_sample": True, "top_p": 0.9}),
        ({"top_k": 40, "min_p": 0.1}, {"do_sample": True, "top_k": 40, "min_p": 0.1}),
        ({"repetition_penalty": 1.2}, {"repetition_penalty": 1.2}),
    ],
)
def test_transformers_is_told_to_sample(facts: ModelFacts, members: dict[str, Any], config: dict[str, Any]) -> None:
    """Transformers serve samples only if `do_sample` says so, and takes top-k and the like nowhere else."""
    asked = engine_request(parse(body(**members)), TRANSFORMERS, facts).body
    sent = asked["generation_config"]

    assert isinstance(sent, str)
    assert json.loads(sent) == config
    assert set(asked) == {"prompt", "max_tokens", "generation_config"}


def test_what_the_caller_leaves_open_is_left_to_the_model(facts: ModelFacts) -> None:
    """Without a temperature the model's own generation_config.json decides."""
    assert engine_request(parse(body()), TRANSFORMERS, facts).body == {"prompt": "hello", "max_tokens": 512}
    assert engine_request(parse(body()), VLLM, facts).body == {"prompt": "hello", "max_tokens": 512}


def test_a_seed_travels_beside_the_generation_config(facts: ModelFacts) -> None:
    """Of transformers' sampling parameters only the seed is a member of the request itself."""
    asked = engine_request(parse(body(seed=5, temperature=1)), TRANSFORMERS, facts).body

    assert asked["seed"] == 5


def test_a_nucleus_of_nothing_is_asked_for_as_greedy(facts: ModelFacts) -> None:
    """A top_p of 0 leaves the likeliest token only; vLLM refuses the number."""
    assert engine_request(parse(body(top_p=0)), VLLM, facts).body["temperature"] == 0


def test_bedrock_log_probabilities_are_asked_for_by_token_id(facts: ModelFacts) -> None:
    """SPEC 10.1.3: the log probability of each generated token stands under the token's id."""
    asked = engine_request(parse(body(return_logprobs=True)), VLLM, facts).body

    assert (asked["logprobs"], asked["return_tokens_as_token_ids"]) == (1, True)
    assert "return_logprobs" not in asked


def test_options_pass_through_where_the_engine_has_them(facts: ModelFacts) -> None:
    """Log probabilities, formats, constraints, penalties and the like reach vLLM as they were asked for."""
    options = {
        "logprobs": True,
        "top_logprobs": 2,
        "prompt_logprobs": 1,
        "response_format": {"type": "json_object"},
        "structured_outputs": {"choice": ["yes", "no"]},
        "frequency_penalty": 0.5,
        "n": 2,
        "seed": 3,
    }

    asked = engine_request(parse(chat(**options)), VLLM, facts).body

    assert {member: asked[member] for member in options} == options


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (chat(logprobs=True), "logprobs: the engine (transformers serve) does not support log probabilities"),
        (
            chat(tools=[{"type": "function"}], tool_choice="required"),
            "tool_choice: the engine (transformers serve) does not support being told which tool to use",
        ),
        (
            body(response_format={"type": "json_object"}),
            "response_format: the engine (transformers serve) does not support response formats",
        ),
        (
            body(return_logprobs=True),
            "return_logprobs: the engine (transformers serve) does not support log probabilities by token id",
        ),
    ],
)
def test_what_the_engine_lacks_is_refused_by_name(facts: ModelFacts, content: bytes, message: str) -> None:
    """Nothing that was asked for is dropped: the refusal names the member and the engine."""
    with pytest.raises(ValidationError) as caught:
        engine_request(parse(content), TRANSFORMERS, facts)

    assert caught.value.message == message


def test_text_parts_are_joined_for_engines_that_take_one(facts: ModelFacts) -> None:
    """Transformers serve joins parts by blanks; they are joined by line breaks before, as vLLM does."""
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    request = parse(json.dumps({"messages": [{"role": "user", "content": parts}]}).encode())

    assert engine_request(request, TRANSFORMERS, facts).body["messages"] == [{"role": "user", "content": "one\ntwo"}]
    assert engine_request(request, VLLM, facts).body["messages"] == [{"role": "user", "content": parts}]


TOOLS = [{"type": "function", "function": {"name": "look"}}]
CALLING = {
    "role": "assistant",
    "content": "I look.",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
}


def test_vllm_is_asked_for_the_model_s_own_words_where_there_are_tools(facts: ModelFacts) -> None:
    """It has no parser for calls by default, and takes no choice of a tool without: it is held to a call's schema."""
    free = engine_request(parse(chat(tools=TOOLS)), VLLM, facts).body
    forced = engine_request(parse(chat(tools=TOOLS, tool_choice="required")), VLLM, facts).body

    assert (free["tool_choice"], free["skip_special_tokens"]) == ("none", False)
    assert (forced["tool_choice"], forced["skip_special_tokens"]) == ("none", False)
    assert forced["structured_outputs"] == {
        "json": {
            "type": "object",
            "properties": {"name": {"const": "look"}, "arguments": {"type": "object"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
    }


def test_a_model_that_is_to_use_no_tools_is_not_told_of_any(facts: ModelFacts) -> None:
    """`none` is honoured by every engine so."""
    asked = engine_request(parse(chat(tools=TOOLS, tool_choice="none")), TRANSFORMERS, facts).body

    assert "tools" not in asked
    assert "tool_choice" not in asked


def test_transformers_gets_words_and_calls_apart(facts: ModelFacts) -> None:
    """It would lose the words of a message that also calls tools."""
    body = json.dumps({"messages": [*MESSAGES, CALLING], "tools": TOOLS}).encode()

    apart, together = (engine_request(parse(body), engine, facts).body["messages"] for engine in (TRANSFORMERS, VLLM))

    calls = {"role": "assistant", "tool_calls": CALLING["tool_calls"]}
    assert apart == [*MESSAGES, {"role": "assistant", "content": "I look."}, calls]
    assert together == [*MESSAGES, CALLING]


def test_mistral_gets_ids_that_its_templates_take(facts: ModelFacts) -> None:
    """Nine letters and digits; the result still belongs to its call. Other families get the ids as they are."""
    calls = [
        {"id": given, "type": "function", "function": {"name": "look", "arguments": "{}"}}
        for given in ("t-1", "abcdefgh9")
    ]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    conversation = [*MESSAGES, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    request = parse(json.dumps({"messages": conversation, "tools": TOOLS}).encode())

    short: Any = engine_request(request, VLLM, replace(facts, architecture="mistral")).body["messages"]
    other = engine_request(request, VLLM, facts).body["messages"]

    ids = [call["id"] for call in short[1]["tool_calls"]]
    assert [len(made) for made in ids] == [9, 9]
    assert ids[0].isalnum()
    assert ids[1] == "abcdefgh9"
    assert [message["tool_call_id"] for message in short[2:]] == ids
    assert other == conversation
