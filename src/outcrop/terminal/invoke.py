"""Asks a model something: as a chat where it has a template, as text to continue where it has none."""

from __future__ import annotations

import json
from typing import Any

from outcrop.app.connect import Server


def ask(server: Server, model: str, prompt: str, *, max_tokens: int, temperature: float) -> str:
    """Returns the model's answer."""
    is_instruct = server.call("bedrock", "get_imported_model", modelIdentifier=model)["instructSupported"]
    body: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
    body |= {"messages": [{"role": "user", "content": prompt}]} if is_instruct else {"prompt": prompt}
    reply = server.call("bedrock-runtime", "invoke_model", modelId=model, body=json.dumps(body))
    choice = json.loads(reply["body"].read())["choices"][0]
    return str(choice["message"]["content"] if is_instruct else choice["text"])
