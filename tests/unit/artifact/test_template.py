"""Which chat template counts, and whether conversations work with it."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import TEMPLATE, Model, healthy, ids, only, tokenizer_config

from outcrop.artifact.finding import Severity

PLAIN = healthy().without("chat_template.jinja")
OTHER = "{{ messages[0].content }}"


def embedded(template: Any) -> Model:
    """A model whose template is in tokenizer_config.json."""
    return PLAIN.having({"tokenizer_config.json": tokenizer_config(chat_template=template)})


def is_instruct(model: Model) -> bool:
    """Whether Converse works."""
    facts = model.examined().facts
    assert facts is not None
    return facts.is_instruct


@pytest.mark.parametrize(
    "model",
    [
        healthy(),
        embedded(TEMPLATE),
        embedded([{"name": "tool_use", "template": "x"}, {"name": "default", "template": TEMPLATE}]),
    ],
    ids=["file", "embedded", "named"],
)
def test_each_place_of_a_template_makes_an_instruct_model(model: Model) -> None:
    """SPEC 4.2.6."""
    assert model.examined().findings == ()
    assert is_instruct(model)


def test_without_a_template_the_model_is_for_completions() -> None:
    """SPEC F18: the import succeeds; Converse does not."""
    assert ids(PLAIN.examined()) == {"template.missing"}
    assert PLAIN.examined().is_importable("bedrock")
    assert not is_instruct(PLAIN)


def test_a_separate_file_wins_and_the_other_is_told() -> None:
    """SPEC 4.2.6: embedded is the fallback."""
    model = embedded("{{ raise_exception('no') }}").having({"chat_template.jinja": TEMPLATE.encode()})

    found = only(model.examined(), "template.shadowed")
    assert (found.file, found.outcrop) == ("tokenizer_config.json", Severity.NOTE)
    assert is_instruct(model)


def test_the_same_template_twice_is_no_matter() -> None:
    """Writers leave both."""
    assert embedded(TEMPLATE).having({"chat_template.jinja": TEMPLATE.encode() + b"\n"}).examined().findings == ()


def test_a_template_only_in_json_counts() -> None:
    """AWS reads it (SPEC 4.2.6), and our engines get it as the file that they read."""
    model = PLAIN.having({"chat_template.json": json.dumps({"chat_template": TEMPLATE}).encode()})

    assert model.examined().findings == ()
    assert is_instruct(model)


@pytest.mark.parametrize(
    ("model", "identifier"),
    [
        (PLAIN.having({"chat_template.jinja": b"\xff"}), "template.wrong_form"),
        (PLAIN.having({"chat_template.json": b"{}"}), "template.wrong_form"),
        (PLAIN.having({"chat_template.json": b'{"chat_template": ["x"]}'}), "template.wrong_form"),
        (PLAIN.having({"chat_template.json": b"["}), "file.not_json"),
        (embedded(7), "template.wrong_form"),
        (embedded([{"name": "default"}]), "template.wrong_form"),
        (embedded([{"name": "tool_use", "template": TEMPLATE}]), "template.no_default"),
        (embedded([]), "template.no_default"),
        (embedded("{% for %}"), "template.malformed"),
        (embedded("{{ messages | nofilter }}"), "template.malformed"),
        (embedded("{{ raise_exception('Only for experts.') }}"), "template.refuses"),
        (embedded("{{ messages[3].content }}"), "template.refuses"),
        (embedded("{{ messages.append(1) }}"), "template.refuses"),
        (embedded("Hello."), "template.loses_message"),
        (embedded("{{ messages[0].content | urlize }}"), "template.not_run"),
    ],
)
def test_a_template_that_does_not_work_is_told_and_turns_chat_off(model: Model, identifier: str) -> None:
    """The model can still be imported for completions, here at least."""
    report = model.examined()

    assert ids(report) == {identifier}
    assert not is_instruct(model)
    assert report.is_importable("outcrop") is (identifier != "file.not_json")


def test_a_template_that_takes_parts_only_works() -> None:
    """Vision models' templates iterate over the content."""
    template = (
        "{% for message in messages %}{% if message.content is string %}{{ raise_exception('parts') }}{% endif %}"
        "{% for part in message.content %}{{ part.text }}{% endfor %}{% endfor %}"
    )

    assert embedded(template).examined().findings == ()


def test_special_tokens_reach_the_template() -> None:
    """As texts, whichever way they are written."""
    template = "{% if bos_token != '<s>' %}{{ raise_exception('no bos') }}{% endif %}" + OTHER
    config = tokenizer_config(chat_template=template, bos_token={"content": "<s>"})

    assert PLAIN.having({"tokenizer_config.json": config}).examined().findings == ()


def test_the_reason_is_told() -> None:
    """In the template's own words."""
    assert (
        "Only for experts."
        in only(embedded("{{ raise_exception('Only for experts.') }}").examined(), "template.refuses").message
    )
