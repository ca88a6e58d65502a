"""An engine's program without a model: what `transformers serve` answers on its port, in words that are kept ready.

Run as a process, by `--engine-command` and the program that `install` writes; it needs the standard library only and
starts in a twentieth of a second. What it answers is the SHA-256 of the model's folder, so that whoever asks a model
knows whether its bytes are still those that were imported.

A model's configuration may tell it how to load: `"canned_engine": "refuse"` is a model that it cannot load, and
`"canned_engine": "wait"` one that it loads once there is a file `go` in Outcrop's data folder, and of
`"canned_engine": "pause"` a stream's first word comes at once and the others when that file is there.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REFUSED_STATUS = 1


def install(folder: Path) -> Path:
    """Writes a program into a folder that starts this engine, for `--engine-command`; returns its path."""
    program = folder / "canned-engine"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" "$@"\n')
    program.chmod(0o755)
    return program


def digest_of(folder: Path) -> str:
    """Returns the SHA-256 of a folder's files: their paths, sizes and bytes."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                found.update(data)
    return found.hexdigest()


class _Handler(BaseHTTPRequestHandler):
    words: tuple[str, ...] = ()
    pauses = False
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Tells nobody."""

    def do_GET(self) -> None:
        """Health: this engine is ready as soon as it listens."""
        self._answer("application/json", b'{"status": "ok"}')

    def do_POST(self) -> None:
        """A chat or a completion, whole or as a stream."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_chat = self.path.endswith("/chat/completions")
        words = self.words[: int(body.get("max_tokens") or len(self.words))]
        if body.get("stream"):
            chunks = [
                *(f"data: {json.dumps(chunk)}\n\n" for chunk in _chunks(words, is_chat=is_chat)),
                "data: [DONE]\n\n",
            ]
            self._stream([chunk.encode() for chunk in chunks])
            return
        said: dict[str, Any] = {"message": {"role": "assistant", "content": " ".join(words)}}
        if not is_chat:
            said = {"text": " ".join(words)}
        reply = {**_HEAD, "choices": [{"index": 0, "finish_reason": "stop", **said}], "usage": _usage(words)}
        self._answer("application/json", json.dumps(reply).encode())

    def _answer(self, kind: str, content: bytes) -> None:
        self._head(kind, len(content))
        self.wfile.write(content)

    def _stream(self, chunks: list[bytes]) -> None:
        self._head("text/event-stream", sum(len(chunk) for chunk in chunks))
        self.wfile.write(chunks[0])
        if self.pauses:
            _await_go()
        self.wfile.write(b"".join(chunks[1:]))

    def _head(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


_HEAD = {"id": "canned", "created": 0, "model": "canned"}


def _chunks(words: tuple[str, ...], *, is_chat: bool) -> Iterator[dict[str, Any]]:
    def chunk(piece: str, finish_reason: str | None) -> dict[str, Any]:
        said: dict[str, Any] = {"delta": {"content": piece}} if is_chat else {"text": piece}
        return {**_HEAD, "choices": [{"index": 0, "finish_reason": finish_reason, **said}]}

    for number, word in enumerate(words):
        yield chunk(f" {word}" if number else word, None)
    yield chunk("", "stop")
    yield {**_HEAD, "choices": [], "usage": _usage(words)}


def _usage(words: tuple[str, ...]) -> dict[str, int]:
    return {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}


def _await_go() -> None:
    while not Path("../../../go").exists():
        time.sleep(0.02)


def serve(folder: Path, port: int) -> None:
    """Loads the model, which is to read it once, and answers until it is killed."""
    config = json.loads((folder / "config.json").read_text())
    if config.get("canned_engine") == "refuse":
        sys.stderr.write("canned engine: this model is to be refused\n")
        sys.exit(REFUSED_STATUS)
    if config.get("canned_engine") == "wait":
        _await_go()
    words = (digest_of(folder), "is", "what", "I", "am.")
    handler = type("Handler", (_Handler,), {"words": words, "pauses": config.get("canned_engine") == "pause"})
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    # serve FOLDER --host HOST --port PORT --device DEVICE
    serve(Path(sys.argv[2]), int(sys.argv[sys.argv.index("--port") + 1]))
