"""Members that need a feature of the engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.errors import ValidationError
from outcrop.serving.bodies import parse
from outcrop.serving.capabilities import Feature

SCHEMA = {"type": "object", "properties": {}}


def bedrock(**members: Any) -> bytes:
    """A body of Bedrock's own schema."""
    return json.dumps({"prompt": "x", **members}).encode()


def completion(**members: Any) -> bytes:
    """A body of OpenAI's completions."""
    return json.dumps({"prompt": "x", "max_tokens": 5, **members}).encode()


def chat(**members: Any) -> bytes:
    """A body of OpenAI's chat."""
    return json.dumps({"messages": [{"role": "user", "content": "x"}], **members}).encode()


@pytest.mark.parametrize(
    ("body", "member", "feature"),
    [
        (bedrock(top_k=5), "top_k", Feature.TOP_K),
        (bedrock(min_p=0.1), "min_p", Feature.MIN_P),
        (bedrock(seed=5), "seed", Feature.SEED),
        (bedrock(repetition_penalty=1.1), "repetition_penalty", Feature.REPETITION_PENALTY),
        (bedrock(return_logprobs=True), "return_logprobs", Feature.LOGPROBS_BY_ID),
        (bedrock(structured_outputs={"choice": ["a"]}), "structured_outputs", Feature.STRUCTURED_OUTPUTS),
        (completion(frequency_penalty=1), "frequency_penalty", Feature.PENALTIES),
        (completion(presence_penalty=-1), "presence_penalty", Feature.PENALTIES),
        (completion(logit_bias={"5": 1}), "logit_bias", Feature.LOGIT_BIAS),
        (completion(n=2), "n", Feature.SEVERAL_CHOICES),
        (completion(best_of=2), "best_of", Feature.SEVERAL_CHOICES),
        (completion(echo=True), "echo", Feature.ECHO),
        (completion(suffix="x"), "suffix", Feature.SUFFIX),
        (completion(logprobs=0), "logprobs", Feature.LOGPROBS),
        (completion(prompt_logprobs=1), "prompt_logprobs", Feature.PROMPT_LOGPROBS),
        (chat(logprobs=True), "logprobs", Feature.LOGPROBS),
        (chat(tools=[{"type": "function"}]), "tools", Feature.TOOLS),
        (chat(tools=[{}], tool_choice="required"), "tool_choice", Feature.TOOL_CHOICE),
        (chat(functions=[{"name": "f"}]), "functions", Feature.FUNCTIONS),
        (chat(response_format={"type": "json_object"}), "response_format", Feature.RESPONSE_FORMAT),
        (
            chat(**{"amazon-bedrock-guardrailConfig": {"tagSuffix": "x"}}),
            "amazon-bedrock-guardrailConfig",
            Feature.GUARDRAILS,
        ),
    ],
)
def test_a_member_that_needs_a_feature_says_so(body: bytes, member: str, feature: Feature) -> None:
    """Whatever not every engine can do is found in the body, so that it can be refused and is never dropped."""
    read = parse(body)

    assert read.features[-1] == (member, feature)
    assert member in read.options


@pytest.mark.parametrize(
    "body",
    [
        bedrock(top_k=-1, min_p=0, repetition_penalty=1, return_logprobs=False, response_format={"type": "text"}),
        completion(n=1, best_of=1, echo=False, suffix="", frequency_penalty=0, presence_penalty=0.0, logit_bias={}),
        completion(logprobs=None, seed=None, structured_outputs=None),
        chat(logprobs=False, top_logprobs=0, tools=[], tool_choice="auto", n=1),
    ],
)
def test_a_value_that_asks_for_nothing_needs_no_feature(body: bytes) -> None:
    """Clients send defaults: those are honoured by every engine."""
    read = parse(body)

    assert read.features == ()
    assert read.options == {}


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}},
    ],
)
def test_a_json_schema_may_be_bare_or_wrapped(given: Any) -> None:
    """SPEC 10.1.1 gives the schema bare, 10.3.1 wrapped; engines get OpenAI's form."""
    wanted = {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}}

    assert parse(bedrock(response_format=given)).options["response_format"] == wanted


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (bedrock(response_format="json"), "response_format: must be a JSON object"),
        (bedrock(response_format={}), "response_format.type: must be one of text, json_object, json_schema"),
        (
            bedrock(response_format={"type": "json_schema"}),
            "response_format.json_schema: must be a JSON object",
        ),
        (
            chat(structured_outputs={"json": {}, "regex": "a"}),
            "structured_outputs: must hold exactly one of json, regex, choice, grammar",
        ),
        (
            chat(structured_outputs={"xml": 1}),
            "structured_outputs: must hold exactly one of json, regex, choice, grammar",
        ),
        (chat(top_logprobs=2), "top_logprobs: needs logprobs to be true"),
        (chat(tools={}), "tools: must be a list"),
        (chat(tools=["f"]), "tools[0]: must be a JSON object"),
        (chat(logprobs=1), "logprobs: must be true or false"),
        (completion(logprobs=True), "logprobs: must be an integer"),
        (completion(n=0), "n: must be at least 1"),
        (bedrock(top_k=-2), "top_k: must be at least -1"),
        (bedrock(min_p=2), "min_p: must be from 0 to 1"),
        (bedrock(seed=1.5), "seed: must be an integer"),
    ],
)
def test_a_wrong_option_is_named(body: bytes, message: str) -> None:
    """A wrong value is the caller's mistake, whether or not the engine has the feature."""
    with pytest.raises(ValidationError) as caught:
        parse(body)

    assert caught.value.message == message


def test_an_option_of_another_schema_is_unknown() -> None:
    """`return_logprobs` is Bedrock's own; in a chat it is a member that no schema knows."""
    assert parse(chat(return_logprobs=True)).features == ()
