"""Puts the chunks of a streamed reply together to the reply that the OpenAI API gives whole. Pure.

For engines whose streams are better than their whole replies: `transformers serve` goes on generating a whole reply
for a client that has left, and loses the reply of an encoder-decoder model (adapters/engine_transformers.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping

from outcrop.errors import EngineError
from outcrop.records import JsonObject, JsonValue

TEXTS = ("content", "reasoning_content")


async def whole_reply(chunks: AsyncIterable[JsonObject]) -> JsonObject:
    """Returns the reply of one choice. Raises EngineError when the stream ends before its finish reason."""
    texts: dict[str, str] = {}
    calls: list[JsonValue] = []
    finish_reason: JsonValue = None
    usage: JsonValue = None
    is_chat = False
    async for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in _objects(chunk.get("choices")):
            delta = choice.get("delta")
            is_chat = is_chat or isinstance(delta, Mapping)
            said: JsonObject = delta if isinstance(delta, Mapping) else {"content": choice.get("text")}
            for member in TEXTS:
                piece = said.get(member)
                if isinstance(piece, str):
                    texts[member] = texts.get(member, "") + piece
            calls += _objects(said.get("tool_calls"))
            finish_reason = choice.get("finish_reason") or finish_reason
    if finish_reason is None:
        raise EngineError("the engine ended its reply before it was finished")
    choice = {"index": 0, "finish_reason": finish_reason}
    if is_chat:
        message: dict[str, JsonValue] = {"role": "assistant", "content": None if calls else "", **texts}
        choice |= {"message": message | ({"tool_calls": calls} if calls else {})}
    else:
        choice |= {"text": texts.get("content", "")}
    return {"choices": [choice], "usage": usage}


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
