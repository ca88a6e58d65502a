"""Asks a model something: as a chat where it has a template, as text to continue where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from outcrop.app.connect import Server


def answer(server: Server, model: str, prompt: str, *, max_tokens: int, temperature: float) -> Iterator[str]:
    """Yields the model's answer piece by piece, as it comes."""
    is_instruct = server.call("bedrock", "get_imported_model", modelIdentifier=model)["instructSupported"]
    body: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
    body |= {"messages": [{"role": "user", "content": prompt}]} if is_instruct else {"prompt": prompt}
    for chunk in server.chunks(model, body):
        choice = chunk["choices"][0]
        yield str(choice["delta"].get("content", "") if is_instruct else choice["text"])
