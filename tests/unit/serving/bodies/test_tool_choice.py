"""Holding an engine to a call of a tool."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.adapters.engine_vllm import CAPABILITIES as VLLM
from outcrop.errors import ValidationError
from outcrop.records import ModelFacts
from outcrop.serving.bodies import engine_request, parse
from outcrop.serving.bodies.tool_choice import call_schema
from outcrop.serving.tool_calls import read_calls

PARAMETERS = {"type": "object", "properties": {"at": {"type": "string"}}}
LOOK = {"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}
DIG = {"type": "function", "function": {"name": "dig"}}


def named(name: str) -> dict[str, Any]:
    """OpenAI's choice of one tool."""
    return {"type": "function", "function": {"name": name}}


def body(**members: Any) -> bytes:
    """A chat with tools."""
    return json.dumps({"messages": [{"role": "user", "content": "x"}], "tools": [LOOK, DIG], **members}).encode()


def test_any_tool_may_be_called() -> None:
    """One of them, with its own arguments."""
    schema = call_schema([LOOK, DIG], "required")

    assert schema["anyOf"] == [call_schema([LOOK, DIG], named("look")), call_schema([DIG], "required")]


def test_one_tool_must_be_called() -> None:
    """The schema is that of a call as it is read."""
    schema: Any = call_schema([LOOK, DIG], named("look"))
    said = json.dumps({"name": schema["properties"]["name"]["const"], "arguments": {"at": "quartz"}})

    assert schema["properties"]["arguments"] == PARAMETERS
    assert [(call.name, call.arguments) for call in read_calls(said, ["look", "dig"])] == [("look", {"at": "quartz"})]


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"tool_choice": named("fly")}, "tool_choice: there is no tool fly"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function.name: is required"),
        (
            {"tool_choice": "required", "response_format": {"type": "json_object"}},
            "tool_choice: cannot be combined with response_format",
        ),
        (
            {"tool_choice": "required", "structured_outputs": {"choice": ["a"]}},
            "tool_choice: cannot be combined with structured_outputs",
        ),
        ({"tool_choice": "required", "tools": None}, "tool_choice: needs tools"),
    ],
)
def test_what_cannot_be_kept_is_refused(members: dict[str, Any], refusal: str, facts: ModelFacts) -> None:
    """By the member that asks for it."""
    with pytest.raises(ValidationError) as caught:
        engine_request(parse(body(**members)), VLLM, facts)

    assert caught.value.message == refusal
