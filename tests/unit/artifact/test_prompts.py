"""Tokens are counted from a tokenizer's files alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from outcrop.artifact.prompts import FILES, Prompt, PromptCounter

MODEL = Path(__file__).parents[3] / "examples" / "fieldguide" / "model"
TOOLS_TEMPLATE = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{{ messages[-1]['content'] }}"


def contents(**changed: bytes | None) -> dict[str, bytes]:
    """The example's files, some changed or left out; by name with `_` for the dot."""
    found = {path: (MODEL / path).read_bytes() for path in FILES if (MODEL / path).exists()}
    for name, data in changed.items():
        path = "_".join(name.split("_")[:-1]) + "." + name.split("_")[-1]
        found.pop(path, None)
        if data is not None:
            found[path] = data
    return found


def chat(*texts: str, **members: Any) -> Prompt:
    """A conversation whose turns alternate."""
    roles = ("user", "assistant")
    messages = tuple({"role": roles[place % 2], "content": text} for place, text in enumerate(texts))
    return Prompt(messages=messages, **members)


@pytest.mark.oracle
@pytest.mark.parametrize("texts", [["What is a sill?"], ["Hi", "Hello  there\n", "Bye ä 😀"], ["x" * 70_000]])
def test_a_conversation_is_counted_as_transformers_does(texts: list[str]) -> None:
    """The engine's own way, also of a text that is longer than what a short conversation may have."""
    from transformers import AutoTokenizer

    prompt = chat(*texts)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    expected = tokenizer.apply_chat_template(list(prompt.messages), add_generation_prompt=True, return_dict=False)

    count = PromptCounter(contents()).count(prompt)

    assert (count.tokens, count.why_not_exact) == (len(expected), "")


@pytest.mark.oracle
def test_a_text_is_counted_as_transformers_does() -> None:
    """With the special tokens that the tokenizer adds."""
    from transformers import AutoTokenizer

    text = "Q: What is a sill?\nA:"
    expected = AutoTokenizer.from_pretrained(MODEL)(text)["input_ids"]

    assert PromptCounter(contents()).count(Prompt(text=text)).tokens == len(expected)


def test_a_long_conversation_is_counted() -> None:
    """Two hundred turns of some size are no attack."""
    count = PromptCounter(contents()).count(chat(*["What is a sill? " * 60] * 201))

    assert count.why_not_exact == ""
    assert count.tokens > 201 * 60


def test_tools_and_arguments_reach_the_template() -> None:
    """And whether the template tells of tools is known beforehand."""
    counter = PromptCounter(contents(chat_template_jinja=TOOLS_TEMPLATE.encode()))

    assert counter.takes_tools
    assert not PromptCounter(contents()).takes_tools
    assert counter.count(chat("x", tools=[{"name": "look"}])).tokens > counter.count(chat("x")).tokens


def test_the_arguments_of_calls_are_objects_to_the_template() -> None:
    """As engines hand them over, though OpenAI's messages hold text."""
    template = "{{ messages[0].tool_calls[0].function.arguments.city }}"
    call = {"function": {"name": "look", "arguments": json.dumps({"city": "Ulm"})}}
    counter = PromptCounter(contents(chat_template_jinja=template.encode()))

    count = counter.count(Prompt(messages=({"role": "assistant", "content": None, "tool_calls": [call]},)))

    assert (count.tokens > 0, count.why_not_exact) == (True, "")


@pytest.mark.parametrize(
    ("changed", "least", "why"),
    [
        ({"tokenizer_json": None}, 0, "no tokenizer.json"),
        ({"tokenizer_json": b"{"}, 0, "no tokenizer.json"),
        ({"chat_template_jinja": None}, 1, "no chat template"),
        ({"chat_template_jinja": b"{{ raise_exception('odd turns') }}"}, 1, "odd turns"),
        (
            {"chat_template_jinja": b"{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}"},
            1,
            "",
        ),
    ],
)
def test_what_cannot_be_counted_is_at_least_its_texts(changed: dict[str, Any], least: int, why: str) -> None:
    """The number is a lower bound, and the reason is told."""
    count = PromptCounter(contents(**changed)).count(chat("What is a sill?"))

    assert count.tokens >= least
    assert count.why_not_exact
    assert why in count.why_not_exact


def test_images_make_a_count_inexact() -> None:
    """How many tokens one takes, only the engine knows."""
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    template = b"{% for part in messages[0].content %}{{ part.text or '<image>' }}{% endfor %}"

    count = PromptCounter(contents(chat_template_jinja=template)).count(
        Prompt(messages=({"role": "user", "content": parts},))
    )

    assert "image" in count.why_not_exact


def test_a_model_with_eyes_says_so_in_its_configuration() -> None:
    """Each vision model of transformers has a section for them."""
    seeing = {"config.json": b'{"model_type": "mllama", "vision_config": {}}'}

    assert PromptCounter({**contents(), **seeing}).takes_images
    assert not PromptCounter(contents()).takes_images


def test_a_template_says_what_it_refuses() -> None:
    """In its own words; a prompt without messages is refused by nobody."""
    template = b"{% if messages[0].role == 'system' %}{{ raise_exception('No system role.') }}{% endif %}x"
    counter = PromptCounter(contents(chat_template_jinja=template))
    system = Prompt(messages=({"role": "system", "content": "Be brief."},))

    assert "No system role." in counter.refusal(system)
    assert counter.refusal(chat("hello")) == ""
    assert counter.refusal(Prompt(text="hello")) == ""
