"""Prompts and replies are made to fit into the context, or refused."""

from dataclasses import replace

import pytest

from outcrop.artifact.prompts import Count, Prompt
from outcrop.errors import ValidationError
from outcrop.records import ModelFacts
from outcrop.serving.bodies import EngineRequest
from outcrop.serving.fit import fitted, prompt_of, surely_fits


def asked(max_tokens: int = 10, **body: object) -> EngineRequest:
    """A request to an engine."""
    return EngineRequest(path="/v1/completions", body={"max_tokens": max_tokens, **body})  # type: ignore[dict-item]


def test_a_short_prompt_needs_no_count(facts: ModelFacts) -> None:
    """Not even the worst tokenizer makes so much of it; a template may add a lot."""
    large = replace(facts, context_length=131_072)

    assert surely_fits(asked(prompt="x" * 900), facts)
    assert not surely_fits(asked(prompt="x" * 1100), facts)
    assert not surely_fits(asked(max_tokens=4090, prompt="x"), facts)
    assert surely_fits(asked(messages=[{"role": "user", "content": "x" * 1000}]), large)
    assert not surely_fits(asked(messages=[{"role": "user", "content": "x"}]), facts)


def test_the_reply_gets_the_room_that_is_left(facts: ModelFacts) -> None:
    """And not more than was asked for."""
    assert fitted(asked(max_tokens=10), Count(tokens=4000), facts).body["max_tokens"] == 10
    assert fitted(asked(max_tokens=500), Count(tokens=4000), facts).body["max_tokens"] == 96
    assert fitted(asked(max_tokens=500), Count(tokens=4095), facts).body["max_tokens"] == 1


@pytest.mark.parametrize("tokens", [4096, 5000])
def test_a_prompt_that_leaves_no_room_is_refused(facts: ModelFacts, tokens: int) -> None:
    """With the words that clients look for, and the numbers."""
    with pytest.raises(ValidationError, match=r"^Input is too long for requested model") as caught:
        fitted(asked(), Count(tokens=tokens), facts)

    assert f"{tokens:,}" in str(caught.value)
    assert "4,096" in str(caught.value)


def test_the_reply_of_an_encoder_decoder_takes_no_room_of_the_prompt(facts: ModelFacts) -> None:
    """The two are apart in such a model."""
    t5 = replace(facts, architecture="t5")

    assert fitted(asked(max_tokens=4000), Count(tokens=4096), t5).body["max_tokens"] == 4000
    with pytest.raises(ValidationError):
        fitted(asked(), Count(tokens=4097), t5)


def test_what_is_counted_is_what_the_engine_is_asked() -> None:
    """Prompt or conversation, tools and arguments of the template."""
    message = {"role": "user", "content": "x"}
    chat = asked(messages=[message], tools=[{"a": 1}], chat_template_kwargs={"enable_thinking": False})

    assert prompt_of(asked(prompt="x")) == Prompt(text="x")
    assert prompt_of(chat) == Prompt(messages=(message,), tools=[{"a": 1}], arguments={"enable_thinking": False})
