"""The null engine on a port of loopback, in a thread: `--engine URL` for servers whose engine is not the subject."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from outcrop.testing import null_engine
from tests.loopback import served


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Lists the one model."""
        self._send(200, {"object": "list", "data": [{"id": null_engine.MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        """Answers in canned words, whole or as they would come."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, reply = null_engine.answer(self.path, body)
        if status != null_engine.OK or not body.get("stream"):
            self._send(status, reply)
            return
        events = [json.dumps(chunk) for chunk in null_engine.chunks_of(self.path, reply)]
        data = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        self._send(status, data.encode(), "text/event-stream")

    def _send(self, status: int, document: Any, content_type: str = "application/json") -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@contextmanager
def null_engine_server() -> Iterator[str]:
    """Runs it; gives its URL."""
    with served(_Handler) as url:
        yield url
