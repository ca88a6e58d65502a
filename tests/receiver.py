"""The receiver of a webhook, on loopback: it fails, hangs and sends elsewhere as it is told, and checks signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import served

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()
HANG = 0
"""A status that stands for no answer at all, until the receiver ends."""
DRIP = 1
"""One that stands for an answer that comes a byte at a time, and never to its end."""


@dataclass
class Receiver:
    """What came, and what is to be answered."""

    url: str = ""
    answers: deque[int] = field(default_factory=deque)
    """Statuses of the next answers, one each; then 204."""
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of an answer that is no success."""
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and body of each message, whatever was answered."""
    taken: list[dict[str, Any]] = field(default_factory=list)
    """The events that were answered with success, each once the signature was found to be right."""
    ended: threading.Event = field(default_factory=threading.Event)

    def await_came(self, count: int, within_s: float = 120) -> None:
        """Waits until so many messages came."""
        self._await(lambda: len(self.came) >= count, within_s)

    def await_taken(self, count: int, within_s: float = 120) -> None:
        """Waits until so many were taken."""
        self._await(lambda: len(self.taken) >= count, within_s)

    def _await(self, is_so: Any, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < deadline, (self.came, self.taken)
            time.sleep(0.05)


def verify(headers: dict[str, str], body: bytes) -> None:
    """Checks a message as docs/webhooks.md says."""
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    versions = [each.split(",", 1) for each in headers["webhook-signature"].split(" ")]
    assert any(version == "v1" and hmac.compare_digest(expected, given) for version, given in versions)


class _Handler(BaseHTTPRequestHandler):
    state: Receiver

    def do_POST(self) -> None:
        """A message."""
        state = self.state
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = state.answers.popleft() if state.answers else 204
        state.came.append((headers, body))
        if status == HANG:
            state.ended.wait()
        elif status == DRIP:
            self._drip()
        else:
            self._answer(status)
            if 200 <= status < 300:
                verify(headers, body)
                state.taken.append(json.loads(body))

    def do_GET(self) -> None:
        """Where a redirect would lead."""
        self.state.came.append(({"method": "GET"}, b""))
        self.send_error(404)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        for name, value in ({} if status < 300 else self.state.headers).items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def _drip(self) -> None:
        self.send_response(200)
        self.flush_headers()
        while not self.state.ended.wait(0.05):
            self.wfile.write(b"X-More: more\r\n")

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""

    def handle(self) -> None:
        """Serves a connection; who leaves in the middle is no error here."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """Runs a receiver."""
    state = Receiver()
    with served(type("Handler", (_Handler,), {"state": state}), port=port) as url:
        state.url = f"{url}/ended?token=hidden"
        try:
            yield state
        finally:
            state.ended.set()
