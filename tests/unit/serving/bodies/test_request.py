"""Reading a body into a typed request, and refusing what is wrong by the member's name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.errors import ValidationError
from outcrop.serving.bodies import InvokeRequest, Sampling, parse


def body(**members: Any) -> bytes:
    """A body with a prompt."""
    return json.dumps({"prompt": "hello", **members}).encode()


def refusal(content: bytes) -> str:
    """Why a body is refused."""
    with pytest.raises(ValidationError) as caught:
        parse(content)
    return caught.value.message


def test_sampling_members_are_read() -> None:
    """What the caller says of length, temperature, nucleus and stop strings reaches the request as it was given."""
    read = parse(body(max_gen_len=7, temperature=0.5, top_p=0.9, stop=["a", "b"]))

    assert read.sampling == Sampling(max_tokens=7, temperature=0.5, top_p=0.9, stop=("a", "b"))


def test_what_is_not_given_is_left_open() -> None:
    """A body of a prompt alone decides nothing else."""
    assert parse(body()).sampling == Sampling()


def test_one_stop_string_may_stand_alone() -> None:
    """OpenAI's `stop` is a string or a list of them."""
    assert parse(body(stop="end")).sampling.stop == ("end",)


def test_max_completion_tokens_is_an_alias_that_wins() -> None:
    """SPEC 13.7.2: langchain-aws sends the newer name; where both are given OpenAI follows it."""
    assert parse(body(max_tokens=5, max_completion_tokens=9)).sampling.max_tokens == 9


def test_model_and_unknown_members_are_ignored() -> None:
    """SPEC 10.0.5 and 10.0.6: litellm sends `model`; parameters that no schema knows are not refused."""
    assert parse(body(model="x", stream=False, max_tokens_to_sample=3)) == parse(body())


def test_whole_numbers_may_be_written_with_a_point() -> None:
    """JSON has one kind of number, and some clients write 7.0; engines insist on integers."""
    read = parse(body(max_tokens=7.0, seed=3.0, top_k=5.0))

    assert (read.sampling.max_tokens, read.options) == (7, {"seed": 3, "top_k": 5})
    assert all(isinstance(value, int) for value in (read.sampling.max_tokens, *read.options.values()))


def test_a_prompt_is_never_shown() -> None:
    """A request can be logged by accident: its text must not be in its representation."""
    assert "hello" not in repr(parse(body()))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"prompt": 5}, "prompt: must be a string"),
        ({"prompt": [1, 2]}, "prompt: must be a string"),
        ({"prompt": ""}, "prompt: must not be empty"),
        ({"prompt": "\ud800"}, "prompt: holds half of a surrogate pair, which is no character"),
        ({"max_gen_len": 0}, "max_gen_len: must be at least 1"),
        ({"max_gen_len": 1.5}, "max_gen_len: must be an integer"),
        ({"max_gen_len": 1e-300}, "max_gen_len: must be an integer"),
        ({"max_gen_len": True}, "max_gen_len: must be an integer"),
        ({"max_tokens": "5"}, "max_tokens: must be an integer"),
        ({"max_completion_tokens": -1}, "max_completion_tokens: must be at least 1"),
        ({"temperature": 2.1}, "temperature: must be from 0 to 2"),
        ({"temperature": -0.1}, "temperature: must be from 0 to 2"),
        ({"temperature": "hot"}, "temperature: must be a number"),
        ({"temperature": False}, "temperature: must be a number"),
        ({"top_p": 1.01}, "top_p: must be from 0 to 1"),
        ({"stop": 5}, "stop: must be a string or a list of strings"),
        ({"stop": ["a", ""]}, "stop[1]: must not be empty"),
        ({"stop": [5]}, "stop[0]: must be a string"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], message: str) -> None:
    """A caller's mistake names the member and the rule that it breaks."""
    assert refusal(body(**members)) == message


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (b"", "body: is not valid JSON"),
        (b"\xff", "body: is not valid JSON"),
        (b'{"prompt": "x"', "body: is not valid JSON"),
        (b'{"prompt": "x", "temperature": NaN}', "body: is not valid JSON (NaN is not a JSON value)"),
        (b"[1]", "body: must be a JSON object"),
        (b'"prompt"', "body: must be a JSON object"),
        (b'{"prompt": ' + b"[" * 100_000, "body: is nested too deeply"),
        (b'{"prompt": "x", "seed": ' + b"9" * 10_000 + b"}", "body: is not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, beginning: str) -> None:
    """A body that cannot be read is the caller's mistake, never a failure of ours."""
    assert refusal(content).startswith(beginning)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        *("prompt", "messages", "max_tokens", "max_gen_len", "temperature", "top_p", "top_k", "stop", "tools", "n"),
        *("logprobs", "top_logprobs", "return_logprobs", "response_format", "structured_outputs", "tool_choice"),
    ]
)
PARTS = st.lists(
    st.dictionaries(st.sampled_from(["type", "text", "image_url"]), JSON_VALUES | st.just("text")), max_size=3
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": JSON_VALUES | PARTS}), max_size=3
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(MEMBERS, JSON_VALUES | MESSAGES))
def test_any_json_object_is_read_or_refused(document: dict[str, Any]) -> None:
    """No body, however strange its members, ends in anything but a request or a ValidationError."""
    with suppress(ValidationError):
        assert isinstance(parse(json.dumps(document).encode()), InvokeRequest)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No bytes end in anything but a request or a ValidationError."""
    with pytest.raises(ValidationError):
        parse(content)
