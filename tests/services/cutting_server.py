"""A server on loopback that gives each connection a given beginning of an answer, and ends it there."""

from __future__ import annotations

import re
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class CuttingServer:
    """What it will answer, and how often it was asked."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answers: deque[bytes] = deque()
        """Of the next requests, one each, a connection each; the last one again and again."""
        self.asked: list[bytes] = []
        """The first line of each request."""

    def serve(self) -> None:
        """Answers one connection after the other until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        request = b""
        while _END_OF_HEAD not in request:
            received = connection.recv(65536)
            if not received:
                return
            request += received
        self.asked.append(request.partition(b"\r\n")[0])
        head, _, body = request.partition(_END_OF_HEAD)
        told = _LENGTH.search(head)
        # What is left unread would turn the orderly end into a reset, which may overtake the answer.
        while told is not None and b"100-continue" not in head and len(body) < int(told[1]):
            body += connection.recv(65536)
        connection.sendall(self.answers.popleft() if len(self.answers) > 1 else self.answers[0])


@contextmanager
def cutting_server() -> Iterator[CuttingServer]:
    """Runs a server."""
    server = CuttingServer()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        # Wakes the thread from accept, which closing alone does not.
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()
