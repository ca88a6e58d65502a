"""Asks models through litellm: reads a list of asks on standard input, and prints what came of each as JSON."""

import json
import sys
from typing import Any

import litellm


def answer(ask: dict[str, Any]) -> dict[str, Any]:
    """Asks once, whole and streamed."""
    try:
        whole = litellm.completion(**ask)
        pieces = list(litellm.completion(**ask, stream=True, stream_options={"include_usage": True}))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    deltas = [piece.choices[0].delta for piece in pieces if piece.choices]
    # Its deepseek_r1 route takes everything for reasoning that stands before a `</think>`.
    said = [delta.content or getattr(delta, "reasoning_content", None) or "" for delta in deltas]
    usages = [piece.usage.model_dump() for piece in pieces if getattr(piece, "usage", None)]
    return {
        "text": whole.choices[0].message.content,
        "finish_reason": whole.choices[0].finish_reason,
        "usage": whole.usage.model_dump(),
        "streamed": "".join(said),
        "pieces": len([piece for piece in said if piece]),
        "streamed_usage": usages[-1] if usages else None,
    }


litellm.suppress_debug_info = True
print(json.dumps([answer(ask) for ask in json.load(sys.stdin)], default=str))
