"""A gate before an S3 server: it passes requests on as they are, and holds those that a test chooses until it opens."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.loopback import served

OPENED_AFTER_S = 120.0
"""A test that forgets the gate ends all the same."""


@dataclass
class Gate:
    """What is held, and whether it may go on."""

    url: str = ""
    is_held: Callable[[str, int], bool] = field(default=lambda _path, _size: False)
    """From the path of a GET and the size of its range in bytes to whether it waits at the gate; asked one by one."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    somebody_waits: threading.Event = field(default_factory=threading.Event)
    is_open: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate
    behind: str

    def do_GET(self) -> None:
        """Waits, if it is to, and passes on."""
        size = _size_of(self.headers.get("Range", ""))
        path = urlsplit(self.path).path
        with self.gate.lock:
            is_held = self.gate.is_held(path, size)
        if is_held:
            self.gate.somebody_waits.set()
            self.gate.is_open.wait(OPENED_AFTER_S)
        self.do_HEAD()

    def do_HEAD(self) -> None:
        """Passes on."""
        with closing(http.client.HTTPConnection(self.behind, timeout=60)) as connection:
            try:
                self._answer_of(connection)
            except ConnectionError:
                # Whoever asked has gone: an import that failed asks no more.
                self.close_connection = True

    def _answer_of(self, connection: http.client.HTTPConnection) -> None:
        # With the caller's Host, which is signed.
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        data = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@contextmanager
def gate_before(url: str) -> Iterator[Gate]:
    """Runs a gate before the server at a URL."""
    gate = Gate()
    handler = type("Handler", (_Handler,), {"gate": gate, "behind": urlsplit(url).netloc})
    with served(handler) as gate.url:
        try:
            yield gate
        finally:
            gate.is_open.set()


def _size_of(asked: str) -> int:
    if not asked.startswith("bytes="):
        return 0
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return int(last) - int(first) + 1
