"""Which of the three schemas a body means."""

from __future__ import annotations

import pytest

from outcrop.errors import ValidationError
from outcrop.serving.bodies import Schema, parse


@pytest.mark.parametrize(
    ("body", "schema"),
    [
        (b'{"prompt": "x"}', Schema.BEDROCK),
        (b'{"prompt": "x", "max_gen_len": 5}', Schema.BEDROCK),
        (b'{"prompt": "x", "max_tokens": 5}', Schema.COMPLETION),
        (b'{"prompt": "x", "max_completion_tokens": 5}', Schema.COMPLETION),
        (b'{"prompt": "x", "max_gen_len": 5, "max_tokens": 5}', Schema.COMPLETION),
        (b'{"prompt": "x", "max_tokens": null}', Schema.BEDROCK),
        (b'{"messages": [{"role": "user", "content": "x"}]}', Schema.CHAT),
        (b'{"messages": [{"role": "user", "content": "x"}], "prompt": null}', Schema.CHAT),
    ],
)
def test_schema_is_chosen_by_the_members_of_the_body(body: bytes, schema: Schema) -> None:
    """SPEC 10.0.2: messages, prompt with max_tokens, and prompt alone each mean a schema; null counts as absent."""
    assert parse(body).schema is schema


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "prompt or messages: one of the two is required"),
        (b'{"prompt": "x", "messages": []}', "prompt and messages: give one of the two, not both"),
    ],
)
def test_neither_or_both_of_prompt_and_messages_is_refused(body: bytes, message: str) -> None:
    """A body asks either for a continuation or for a chat."""
    with pytest.raises(ValidationError) as caught:
        parse(body)

    assert caught.value.message == message
