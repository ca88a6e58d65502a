"""The null engine on a port, in a process of its own: benchmarks.null_server PORT SECONDS_PER_CHUNK [echo]."""

from __future__ import annotations

import asyncio
import re
import sys

from granian.constants import Interfaces
from granian.server.embed import Server

from outcrop.records import JsonObject
from outcrop.testing.null_engine import OK, REPLY_WORDS, answer, paced_app

NAME = re.compile(r"s\d+t\d+")


def echo(path: str, body: JsonObject) -> tuple[int, JsonObject]:
    """Answers words that no other prompt gets, where a prompt ends with a name of the form s1t1: that, numbered."""
    status, document = answer(path, body)
    messages = body.get("messages")
    name = str(messages[-1]["content"]).split()[-1] if isinstance(messages, list) else ""
    if status != OK or NAME.fullmatch(name) is None:
        return status, document
    choice: JsonObject = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": echoed(name)},
    }
    return status, {**document, "choices": [choice]}


def echoed(name: str) -> str:
    """Returns the text that a prompt ending with this name gets."""
    return " ".join(f"{name}-{number}" for number in range(REPLY_WORDS))


def serve() -> None:
    """Serves until it is ended."""
    port, chunk_s = int(sys.argv[1]), float(sys.argv[2])
    server = Server(
        paced_app(chunk_s, answered=echo if "echo" in sys.argv else answer),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    serve()
