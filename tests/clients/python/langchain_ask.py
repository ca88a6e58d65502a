"""Asks models through langchain-aws: reads a list of asks on standard input, and prints what came of each as JSON."""

import json
import sys
from typing import Any

from langchain_aws import ChatBedrock, ChatBedrockConverse

CLASSES = {"ChatBedrock": ChatBedrock, "ChatBedrockConverse": ChatBedrockConverse}


def text_of(message: Any) -> str:
    """The text of a message, whose content may be a list of blocks."""
    if isinstance(message.content, str):
        return message.content
    return "".join(block.get("text", "") for block in message.content)


def answer(ask: dict[str, Any]) -> dict[str, Any]:
    """Asks once, whole and streamed."""
    chat = CLASSES[ask["class"]](**ask["arguments"])
    messages = [tuple(message) for message in ask["messages"]]
    try:
        whole = chat.invoke(messages)
        pieces = list(chat.stream(messages))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    together = pieces[0]
    for piece in pieces[1:]:
        together = together + piece
    return {
        "text": text_of(whole),
        "usage": whole.usage_metadata,
        "metadata": whole.response_metadata,
        "streamed": text_of(together),
        "pieces": len([piece for piece in pieces if text_of(piece)]),
        "streamed_usage": together.usage_metadata,
    }


print(json.dumps([answer(ask) for ask in json.load(sys.stdin)], default=str))
