"""Reading the conversation of a chat body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outcrop.errors import ValidationError
from outcrop.serving.bodies import parse
from outcrop.serving.capabilities import Feature

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def chat(*messages: Any) -> bytes:
    """A body of messages."""
    return json.dumps({"messages": list(messages)}).encode()


def test_a_conversation_is_kept_as_it_was_given() -> None:
    """Roles and contents, in OpenAI's form, reach the request unchanged."""
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}

    assert parse(chat(system, user)).messages == (system, user)


def test_images_and_tools_are_features_of_the_messages_that_hold_them() -> None:
    """What an engine may lack is noticed in the conversation, with the place where it stands."""
    read = parse(
        chat(
            {"role": "user", "content": [{"type": "text", "text": "what is this?"}, IMAGE]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "tool_call_id": "1", "content": "a rock"},
        )
    )

    assert read.features == (
        ("messages[0].content[1]", Feature.IMAGES),
        ("messages[1].tool_calls", Feature.TOOLS),
        ("messages[2].role", Feature.TOOLS),
    )


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("hello", "messages[0]: must be a JSON object"),
        ({"content": "x"}, "messages[0].role: must be a string"),
        ({"role": "king", "content": "x"}, "messages[0].role: must be one of system, user, assistant, tool"),
        ({"role": "user"}, "messages[0].content: is required"),
        ({"role": "user", "content": 5}, "messages[0].content: must be a list"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0]: must be a JSON object"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text: must be a string"),
        (
            {"role": "user", "content": [{"type": "video"}]},
            "messages[0].content[0].type: must be text or image_url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
            "messages[0].content[0].image_url.url: must be a data:image/…;base64,… URL; nothing is fetched",
        ),
        ({"role": "user", "content": [IMAGE] * 4}, "messages: holds more than 3 images"),
    ],
)
def test_a_wrong_message_is_named(message: Any, refusal: str) -> None:
    """A refusal says which message and which of its members is wrong."""
    with pytest.raises(ValidationError) as caught:
        parse(chat(message))

    assert caught.value.message == refusal


@pytest.mark.parametrize(("messages", "refusal"), [("[]", "must not be empty"), ('"hi"', "must be a list")])
def test_a_conversation_is_a_list_of_messages(messages: str, refusal: str) -> None:
    """There is at least one message."""
    with pytest.raises(ValidationError) as caught:
        parse(f'{{"messages": {messages}}}'.encode())

    assert caught.value.message == f"messages: {refusal}"
