"""An engine without a model: it answers canned words at once, so that tests see everything but the engine.

It answers as `transformers serve` and vLLM do, in the parts of the OpenAI API that Outcrop uses, and passes the same
contract (tests/contract/test_engine.py). A word is a token. With a seed, the words tell it and are numbered, so that a
stream can be held against what it should be.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from outcrop.errors import EngineError, ModelFailedError
from outcrop.records import ArtifactRef, JsonObject, JsonValue
from outcrop.serving.capabilities import Capabilities, Feature

CAPABILITIES = Capabilities(engine="null engine", features=frozenset({Feature.TOP_K, Feature.SEED}))
MODEL = "null"
WORDS = ("ever", "so", "many", "words", "and", "no", "model", "behind", "them,", "one", "after", "the", "other.")
REPLY_WORDS = 64
"""How many words an answer has that nothing cuts short."""

LOGPROB = -0.5
OK = 200

CHAT_PATH = "/v1/chat/completions"
COMPLETION_PATH = "/v1/completions"


class NullEngine:
    """Starts null engines."""

    async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> NullRunningEngine:
        """Returns an engine. Raises EngineError when the folder holds no model, as a real engine does."""
        del artifact
        if not Path(folder, "config.json").is_file():  # noqa: ASYNC240  # a test's folder is not slow
            raise EngineError("null engine ended while it loaded the model", log_tail="there is no config.json")
        return NullRunningEngine(label)


class NullRunningEngine:
    """An engine in this process."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._is_alive = True
        self.posted: list[tuple[str, JsonObject]] = []
        """What was asked, path and body, for tests to look at."""
        self.open_streams = 0
        """Replies that are being streamed: the engine's slots in use."""
        self.before_next_chunk: Callable[[], Awaitable[None]] = _at_once
        """What a stream waits for before each further chunk."""

    @property
    def description(self) -> str:
        """Engine and version."""
        return "null engine 1"

    @property
    def is_alive(self) -> bool:
        """Whether it was neither stopped nor killed."""
        return self._is_alive

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Returns canned words. Raises ModelFailedError for what a real engine refuses, EngineError once it ended."""
        if not self._is_alive:
            raise EngineError("null engine has ended")
        self.posted.append((path, body))
        status, document = answer(path, body)
        if status != OK:
            raise ModelFailedError(str(document["error"]), original_status=status, resource_name=self._label)
        return document

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Yields canned words one by one. Raises as `post` does; EngineError also when it is ended meanwhile."""
        reply = await self.post(path, body)
        self.open_streams += 1
        try:
            for chunk in chunks_of(path, reply):
                if not self._is_alive:
                    raise EngineError("null engine has ended")
                yield chunk
                await self.before_next_chunk()
        finally:
            self.open_streams -= 1

    async def stop(self) -> None:
        """Ends the engine."""
        self._is_alive = False

    def kill(self) -> None:
        """Ends the engine as a crash does."""
        self._is_alive = False


async def _at_once() -> None:
    """Waits for nothing."""


def answer(path: str, body: JsonObject) -> tuple[int, JsonObject]:
    """Returns an HTTP status and a document: a canned reply, or what is wrong with the request."""
    if path not in (CHAT_PATH, COMPLETION_PATH):
        return 404, {"error": "Not Found"}
    asked = body.get("messages" if path == CHAT_PATH else "prompt")
    if not isinstance(asked, list if path == CHAT_PATH else str):
        return 400, {"error": "prompt must be a string, or messages a list"}
    text, generated, finish_reason = _generate(body)
    usage = {"prompt_tokens": _count(asked), "completion_tokens": generated, "total_tokens": _count(asked) + generated}
    choice: JsonObject = {"index": 0, "finish_reason": finish_reason}
    if body.get("logprobs"):
        choice = {**choice, "logprobs": _logprobs(text.split(), is_chat=path == CHAT_PATH)}
    if path == CHAT_PATH:
        choice = {**choice, "message": {"role": "assistant", "content": text}}
    else:
        choice = {**choice, "text": text}
    return 200, {"id": "null", "created": 0, "model": MODEL, "choices": [choice], "usage": usage}


def chunks_of(path: str, reply: Mapping[str, Any]) -> Iterator[JsonObject]:
    """Yields a reply in chunks: a word each, then the finish reason, then the usage, as vLLM does."""
    ((choice,), usage) = reply["choices"], reply["usage"]
    is_chat = path == CHAT_PATH
    text = choice["message"]["content"] if is_chat else choice["text"]

    def chunk(piece: str, finish_reason: str | None) -> JsonObject:
        said: JsonObject = {"delta": {"content": piece}} if is_chat else {"text": piece}
        return {"id": "null", "model": MODEL, "choices": [{"index": 0, "finish_reason": finish_reason, **said}]}

    for word in re.findall(r"\s*\S+|\s+", text):
        yield chunk(word, None)
    yield chunk("", choice["finish_reason"])
    yield {"id": "null", "model": MODEL, "choices": [], "usage": usage}


Application = Callable[
    [
        Mapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


def paced_app(chunk_s: float) -> Application:
    """Returns the null engine as an ASGI application, to be served on a port and used by its URL.

    Args:
        chunk_s: how long a stream waits before each chunk, in seconds, as an engine that computes would.
    """

    async def app(
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"the null engine speaks HTTP only, not {scope['type']}")
        content, has_more = b"", True
        while has_more:
            message = await receive()
            content += message.get("body", b"")
            has_more = message.get("more_body", False)
        status, document = _route(scope["method"], scope["path"], content)
        is_stream = status == OK and scope["method"] == "POST" and json.loads(content).get("stream") is True
        headers = [(b"content-type", b"text/event-stream" if is_stream else b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if not is_stream:
            await send({"type": "http.response.body", "body": json.dumps(document).encode()})
            return
        for chunk in chunks_of(scope["path"], document):
            if chunk_s:
                await asyncio.sleep(chunk_s)
            data = f"data: {json.dumps(chunk)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    return app


app = paced_app(0)
"""The null engine that answers at once."""


def _route(method: str, path: str, content: bytes) -> tuple[int, JsonObject]:
    match method, path:
        case "GET", "/health":
            return 200, {"status": "ok"}
        case "GET", "/v1/models":
            return 200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "outcrop"}]}
        case "POST", _:
            return answer(path, json.loads(content))
        case _:
            return 404, {"error": "Not Found"}


def _generate(body: JsonObject) -> tuple[str, int, str]:
    """Returns text, its number of tokens, and why it ended. OpenAI's texts do not hold the stop string."""
    limit, stop = body.get("max_tokens"), body.get("stop")
    allowed = limit if isinstance(limit, int) else REPLY_WORDS
    stops = [str(item) for item in stop] if isinstance(stop, list) else []
    text = ""
    seed = body.get("seed")
    words = itertools.cycle(WORDS) if seed is None else numbered_words(seed)
    most = REPLY_WORDS if seed is None else allowed
    for generated, word in enumerate(itertools.islice(words, min(allowed, most)), start=1):
        text += word if generated == 1 else f" {word}"
        found = min((text.index(string) for string in stops if string in text), default=None)
        if found is not None:
            return text[:found], generated, "stop"
    return text, min(allowed, most), "length" if allowed <= most else "stop"


def numbered_words(seed: JsonValue) -> Iterator[str]:
    """Yields the words of a reply to a request with a seed, without end."""
    return (f"{seed}.{number}" for number in itertools.count())


def _logprobs(words: list[str], *, is_chat: bool) -> JsonObject:
    """Returns what every word is equally sure of."""
    if is_chat:
        return {"content": [{"token": word, "logprob": LOGPROB, "top_logprobs": []} for word in words]}
    return {"tokens": list(words), "token_logprobs": [LOGPROB] * len(words)}


def _count(asked: JsonValue) -> int:
    """Returns the number of tokens of a prompt, or of all contents of a conversation."""
    if isinstance(asked, str):
        return max(1, len(asked.split()))
    messages = asked if isinstance(asked, list) else []
    return sum(_count(str(message.get("content"))) for message in messages if isinstance(message, dict))
