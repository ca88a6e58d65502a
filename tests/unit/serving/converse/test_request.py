"""What Converse's input asks for, member by member."""

import json
from typing import Any

import pytest

from outcrop.errors import ValidationError
from outcrop.serving.bodies import Sampling
from outcrop.serving.capabilities import Feature
from outcrop.serving.converse import ConverseRequest, read_request

USE = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"city": "Ulm"}}}
TOOL = {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": {"type": "object"}}}}
PNG = {"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}}


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": list(blocks)}


def text(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"text": said}


def read(*messages: dict[str, Any], **members: Any) -> ConverseRequest:
    """Reads an input; without messages, of one user's word."""
    return read_request({"messages": list(messages or [turn("user", text("hi"))]), **members})


def refusal(*messages: dict[str, Any], **members: Any) -> str:
    """Reads an input that is refused; returns why."""
    with pytest.raises(ValidationError) as caught:
        read(*messages, **members)
    return str(caught.value)


def test_a_conversation_becomes_openai_s() -> None:
    """System prompts are one message; a single text stays a text."""
    request = read(
        turn("user", text("a")),
        turn("assistant", text("b")),
        turn("user", text("c"), text("d")),
        system=[text("x"), text("y")],
    )

    assert request.chat.messages == (
        {"role": "system", "content": "x\ny"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
    )


def test_tools_their_uses_and_results() -> None:
    """Results are messages of their own, before what the user says; an error says so."""
    results = [
        {"toolResult": {"toolUseId": "t1", "content": [text("sun"), {"json": {"c": 20}}]}},
        {"toolResult": {"toolUseId": "t2", "content": [text("gone")], "status": "error"}},
    ]
    request = read(
        turn("user", text("Weather?")),
        turn("assistant", text("I look."), USE),
        turn("user", text("And?"), *results),
        toolConfig={"tools": [TOOL]},
    )

    function = {"name": "look", "arguments": '{"city": "Ulm"}'}
    assert request.chat.messages[1:] == (
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": "t1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "t1", "content": 'sun\n{"c": 20}'},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: gone"},
        {"role": "user", "content": "And?"},
    )
    declared = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
    assert request.chat.options == {"tools": [{"type": "function", "function": declared}]}
    assert request.tool_names == ("look",)
    assert ("toolConfig.tools", Feature.TOOLS) in request.chat.features


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ({"auto": {}}, None),
        ({"any": {}}, "required"),
        ({"tool": {"name": "look"}}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tool_choices(choice: dict[str, Any], asked: Any) -> None:
    """`auto` asks for nothing; the others need an engine that can be told."""
    request = read(toolConfig={"tools": [TOOL], "toolChoice": choice})

    assert request.chat.options.get("tool_choice") == asked
    assert (("toolConfig.toolChoice", Feature.TOOL_CHOICE) in request.chat.features) == (asked is not None)


def test_inference_parameters() -> None:
    """SPEC 3.4.3; what is left out is left to the model."""
    config = {"maxTokens": 5, "temperature": 1, "topP": 0.5, "stopSequences": ["#"]}

    assert read(inferenceConfig=config).chat.sampling == Sampling(max_tokens=5, temperature=1.0, top_p=0.5, stop=("#",))
    assert read().chat.sampling == Sampling()


def test_additional_fields_and_formats_are_members_of_a_chat_body() -> None:
    """Named in refusals as the caller wrote them."""
    schema = {"type": "object"}
    structure = {"jsonSchema": {"schema": json.dumps(schema), "name": "x"}}
    request = read(
        additionalModelRequestFields={"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}},
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )

    assert request.chat.options == {
        "top_k": 5,
        "chat_template_kwargs": {"enable_thinking": False},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    assert set(request.chat.features) == {
        ("additionalModelRequestFields.top_k", Feature.TOP_K),
        ("additionalModelRequestFields.chat_template_kwargs", Feature.TEMPLATE_ARGUMENTS),
        ("outputConfig.textFormat", Feature.RESPONSE_FORMAT),
    }


def test_images_and_reasoning_need_an_engine_that_takes_them() -> None:
    """Each is named with the feature."""
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}

    seen = read(turn("user", text("what?"), PNG)).chat
    thinking = read(turn("user", text("a")), turn("assistant", thought, text("b")), turn("user", text("c"))).chat

    assert seen.messages[0]["content"] == [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    assert seen.features == (("messages[0].content[1].image", Feature.IMAGES),)
    assert thinking.messages[1] == {"role": "assistant", "content": "b", "reasoning_content": "hm"}
    assert thinking.features == (("messages[1].content[0].reasoningContent", Feature.REASONING),)


@pytest.mark.parametrize(
    ("messages", "members", "reason"),
    [
        ([turn("assistant", text("x"))], {}, "must start with a user message"),
        ([turn("user", text("x")), turn("user", text("y"))], {}, "must alternate"),
        ([turn("user", text("x")), turn("assistant", text("y"))], {}, "last turn"),
        ([turn("user", text("x")), turn("assistant", USE), turn("user", text("y"))], {}, "toolConfig field must be"),
        ([turn("user", PNG, PNG, PNG, PNG)], {}, "more than 3 images"),
        (
            [turn("user", {"image": {"format": "gif", "source": PNG["image"]["source"]}})],
            {},
            "source.bytes: is not a gif",
        ),
        ([turn("user", {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}})], {}, "bytes"),
        ([turn("user", {"cachePoint": {"type": "default"}})], {}, "content[0].cachePoint: imported models have no"),
        ([turn("user", {"document": {}})], {}, "messages[0].content[0].document: is not supported"),
        ([turn("user", {"guardContent": {}})], {}, "guardContent: this server has no guardrails"),
        ([turn("user", {})], {}, "exactly one member"),
        ([turn("user", text("x"), USE)], {}, "toolUse: is not supported"),
        ([], {"system": [{"cachePoint": {"type": "default"}}]}, "system[0].cachePoint"),
        ([], {"guardrailConfig": {"guardrailIdentifier": "x"}}, "guardrailConfig"),
        ([], {"promptVariables": {"a": {"text": "b"}}}, "promptVariables"),
        ([], {"outputConfig": {"effort": "high"}}, "outputConfig.effort"),
        ([], {"additionalModelRequestFields": {"max_tokens": 5}}, "give it as inferenceConfig.maxTokens"),
        ([], {"additionalModelRequestFields": {"thinking": 5}}, "additionalModelRequestFields.thinking: is not known"),
        ([], {"additionalModelRequestFields": [1]}, "must be a JSON object"),
        ([], {"additionalModelRequestFields": {"top_k": "x"}}, "top_k: must be an integer"),
        ([], {"toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]}}, "toolConfig.tools[0].cachePoint"),
        ([], {"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "x"}}}}, "there is no tool x"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    messages: list[dict[str, Any]], members: dict[str, Any], reason: str
) -> None:
    """Nothing is dropped in silence."""
    assert reason in refusal(*messages, **members)


def test_without_messages_there_is_no_conversation() -> None:
    """The service model lets the list be left out; AWS's words say what is missing."""
    with pytest.raises(ValidationError, match="must start with a user message"):
        read_request({"messages": []})


def test_a_format_is_given_once() -> None:
    """Two ways to say it would be one too many."""
    structure = {"jsonSchema": {"schema": "{}"}}

    said = refusal(
        additionalModelRequestFields={"response_format": {"type": "json_object"}},
        outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
    )

    assert "outputConfig says it already" in said


@pytest.mark.parametrize("schema", ["{", "[]"])
def test_a_schema_must_be_one(schema: str) -> None:
    """It comes as a string, and may be anything."""
    structure = {"jsonSchema": {"schema": schema}}

    said = refusal(outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})

    assert said.startswith("outputConfig.textFormat.structure.jsonSchema.schema")
