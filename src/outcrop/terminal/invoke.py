"""Asks a model something: as a chat where it has a template, as text to continue where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outcrop.app.connect import Server
from outcrop.errors import ValidationError


def answer(
    server: Server, model: str, prompt: str, *, system: str, max_tokens: int, temperature: float
) -> Iterator[str]:
    """Yields the model's answer piece by piece, as it comes.

    Raises:
        ValidationError: there is a system prompt, and the model has no template that it could stand in.
        RequestError, UnavailableError: the server refused, failed in the middle, or does not answer.
    """
    is_instruct = server.call("bedrock", "get_imported_model", modelIdentifier=model)["instructSupported"]
    if system and not is_instruct:
        raise ValidationError("--system: this model has no chat template; write it into the prompt")
    turns = [{"role": "system", "content": system}] if system else []
    body: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
    body |= {"messages": [*turns, {"role": "user", "content": prompt}]} if is_instruct else {"prompt": prompt}
    for chunk in server.chunks(model, body):
        choice = chunk["choices"][0]
        yield str((choice["delta"].get("content") or "") if is_instruct else choice["text"])
