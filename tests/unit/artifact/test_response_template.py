"""How `transformers serve` is told to take replies apart, held against its own parser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.artifact.engine_files import engine_files, read_first, read_next
from outcrop.artifact.response_template import HARMONY

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
OTHER = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"
TOKENS = {"added_tokens": [{"content": text, "special": True} for text in ("<|user|>", "<|end|>", "<|assistant|>")]}
HARMONY_PROMPT = "<|start|>user<|message|>Hi<|end|><|start|>assistant"


def files_of(kind: str, template: str, *, in_config: bool = False, **tokenizer_config: Any) -> dict[str, bytes]:
    """The small files of a model."""
    embedded = {"chat_template": template, **tokenizer_config} if in_config else tokenizer_config
    files = {
        "config.json": json.dumps({"model_type": kind}).encode(),
        "tokenizer.json": json.dumps(TOKENS).encode(),
        "tokenizer_config.json": json.dumps(embedded).encode(),
        "model.safetensors": b"",
    }
    return files if in_config else {**files, "chat_template.jinja": template.encode()}


def given(files: dict[str, bytes]) -> Any:
    """The response template that the engine is given; None: what it has."""
    contents = {path: files[path] for path in read_first(files)}
    contents |= {path: files[path] for path in read_next(files, contents)}
    config = engine_files(files, contents).get("tokenizer_config.json")
    return None if config is None else json.loads(config)["response_template"]


def said(template: Any, prompt: str, *pieces: str) -> tuple[str, str, list[Any]]:
    """Content, reasoning and tool calls that the engine's own code reads from a reply in pieces."""
    serving = pytest.importorskip("transformers.cli.serving.utils")
    parsing = pytest.importorskip("transformers.utils.chat_parsing")
    parser = parsing.ResponseParser(template, prefix=prompt)
    found = serving.response_events_to_chunks(parser.initial_events)
    for piece in pieces:
        found += serving.response_events_to_chunks(parser.feed(piece))
    _, events = parser.finalize()
    found += serving.response_events_to_chunks(events)
    calls = [(item.name, json.loads(item.arguments)) for item in found if isinstance(item, serving.ToolCall)]
    texts = [item for item in found if isinstance(item, str)]
    reasoning = "".join(item for item in texts if isinstance(item, serving.ReasoningText))
    return "".join(item for item in texts if not isinstance(item, serving.ReasoningText)), reasoning, calls


@pytest.mark.parametrize("kind", ["llama", "mistral", "phi3"])
def test_other_models_are_left_alone(kind: str) -> None:
    """Nothing more is read of them, and nothing is changed."""
    files = files_of(kind, OTHER)

    assert read_next(files, {"config.json": files["config.json"]}) == []
    assert given(files) is None


@pytest.mark.parametrize("in_config", [False, True])
def test_qwen_with_its_own_template_is_left_to_the_engine(*, in_config: bool) -> None:
    """The engine splits ChatML by itself, reasoning and tool calls included; the line break may be written out."""
    escaped = CHATML.replace("assistant\n", "{{ 'x<|im_start|>assistant\\n' }}")

    assert given(files_of("qwen3", CHATML, in_config=in_config)) is None
    assert given(files_of("qwen2", escaped, in_config=in_config)) is None


def test_a_response_template_of_the_model_s_own_stays() -> None:
    """Whoever made the model knows best."""
    assert given(files_of("qwen2", OTHER, response_template={"fields": {}})) is None


@pytest.mark.oracle
@pytest.mark.parametrize("in_config", [False, True])
def test_qwen_with_another_template_answers_without_the_prompt(*, in_config: bool) -> None:
    """The reply is what comes after the prompt, without special tokens, as of every other model."""
    template = given(files_of("qwen2", OTHER, in_config=in_config))

    assert said(template, "<|user|>hi<|end|><|assistant|>", "Qu", "artz", "<|end|>") == ("Quartz", "", [])
    assert said(template, "<|user|>two\nlines<|end|><|assistant|>", "a\n", "<b> <|endless") == (
        "a\n<b> <|endless",
        "",
        [],
    )


@pytest.mark.oracle
def test_gpt_oss_is_read_by_its_channels() -> None:
    """Reasoning, calls and answers apart, without marks; SPEC 10.3.7."""
    assert given(files_of("gpt_oss", "<|channel|>")) == HARMONY
    assert given(files_of("gpt_oss", OTHER)) is None
    reply = "<|channel|>analysis<|message|>Rock.<|end|><|start|>assistant<|channel|>final<|message|>Gran"

    answered = said(HARMONY, HARMONY_PROMPT, *reply, "ite", "<|return|>")

    assert answered == ("Granite", "Rock.", [])


@pytest.mark.oracle
@pytest.mark.parametrize(
    "call",
    [
        "<|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>",
        "<|start|>assistant to=functions.look<|channel|>commentary <|constrain|>json<|message|>",
        "<|start|>assistant<|channel|>commentary to=functions.look<|message|>",
        "<|start|>assistant<|channel|>analysis to=functions.look json<|message|>",
    ],
)
def test_gpt_oss_calls_tools(call: str) -> None:
    """In each of the forms that it writes calls in."""
    reply = f'<|channel|>analysis<|message|>Look.<|end|>{call}{{"at": "quartz"}}<|call|>'

    assert said(HARMONY, HARMONY_PROMPT, *reply) == ("", "Look.", [("look", {"at": "quartz"})])


@pytest.mark.oracle
def test_gpt_oss_may_speak_before_it_calls() -> None:
    """A message in `commentary` to nobody is for the user."""
    reply = (
        "<|channel|>commentary<|message|>I look.<|end|>"
        '<|start|>assistant<|channel|>commentary to=functions.look<|message|>{"at": 1}<|call|>'
    )

    assert said(HARMONY, HARMONY_PROMPT, *reply) == ("I look.", "", [("look", {"at": 1})])


@pytest.mark.oracle
def test_what_is_not_of_the_format_is_told_as_it_is() -> None:
    """A fine-tune that forgot the format still answers."""
    assert said(HARMONY, HARMONY_PROMPT, "Just ", "quartz.", "<|return|>") == ("Just quartz.", "", [])
