"""CountTokens (SPEC 3.6): from the tokenizer and the chat template alone; no engine is started."""

from __future__ import annotations

from outcrop.api import generate
from outcrop.api.calls import Call, Reply
from outcrop.api.converse import require_converse
from outcrop.api.invoke import parsed
from outcrop.api.services import Services
from outcrop.serving.converse import read_request


async def count_tokens(call: Call, services: Services) -> Reply:
    """Counts the tokens that a request to InvokeModel or Converse would have."""
    model = await generate.model_of(call, services)
    asked = call.params["input"]
    if "converse" in asked:
        require_converse(model, profile=services.profile)
        request = read_request(asked["converse"]).chat
    else:
        request = await parsed(bytes(asked["invokeModel"]["body"]), services, model)
    return Reply(output={"inputTokens": await generate.count(services, model, request)})
