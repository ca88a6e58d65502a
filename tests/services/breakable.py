"""A TCP proxy on loopback for what may be away: it refuses, swallows, cuts, and holds what passes, as it is told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

CHUNK_BYTES = 65536
Upstream = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""


class Way(Enum):
    """How the upstream is away."""

    REFUSED = auto()
    """Connections are reset, and new ones refused, as when a process has ended."""
    SWALLOWED = auto()
    """Everything is accepted and nothing answered, as when a machine is cut off."""


class Breakable:
    """The way to an upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        # Bound for as long as we live, and never listening: nobody else gets the port while we do not listen either.
        self._keeper = _bound(0)
        self.port = int(self._keeper.getsockname()[1])
        self.passed_bytes = 0
        """Bytes of both directions."""
        self.held = threading.Event()
        """Set once bytes are held back."""
        self._hold_from: int | None = None
        self._flows = threading.Event()
        self._flows.set()
        self._is_swallowing = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener: socket.socket | None = None
        self.back()

    @property
    def url(self) -> str:
        """The address of an upstream that speaks HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def hold_after(self, size_bytes: int) -> None:
        """Lets so many more bytes pass, and then none until `let_go`."""
        self._flows.clear()
        self._hold_from = self.passed_bytes + size_bytes

    def let_go(self) -> None:
        """Lets everything pass again."""
        self._hold_from = None
        self.held.clear()
        self._flows.set()

    def away(self, way: Way = Way.REFUSED) -> None:
        """Takes the upstream away, also from those who talk to it."""
        if way is Way.SWALLOWED:
            self._is_swallowing.set()
            return
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone does not wake the thread that accepts.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._cut()

    def back(self) -> None:
        """Brings the upstream back; what was swallowed is lost, as are the connections that it was said on."""
        if self._is_swallowing.is_set():
            self._cut()
            self._is_swallowing.clear()
        if self._listener is None:
            self._listener = _bound(self.port)
            self._listener.listen(128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Ends the proxy."""
        self._ended.set()
        self.let_go()
        self.away()
        self._keeper.close()

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for each in (end for pair in pairs for end in pair):
            with suppress(OSError):
                # A reset, and not an orderly end, is what a process leaves that was killed.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = _connected(self._upstream)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            for source, target in (pair, pair[::-1]):
                threading.Thread(target=self._pass_on, args=(source, target, pair), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        try:
            while data := source.recv(CHUNK_BYTES):
                if self._is_swallowing.is_set():
                    continue
                self.passed_bytes += len(data)
                hold_from = self._hold_from
                if hold_from is not None and self.passed_bytes > hold_from:
                    self.held.set()
                    self._flows.wait()
                target.sendall(data)
        except OSError:
            pass
        finally:
            with self._lock:
                self._pairs.discard(pair)
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def _connected(upstream: Upstream) -> socket.socket:
    if isinstance(upstream, tuple):
        return socket.create_connection(upstream)
    made = socket.socket(socket.AF_UNIX)
    made.connect(upstream)
    return made


@contextmanager
def breakable(upstream: Upstream) -> Iterator[Breakable]:
    """Runs a proxy."""
    proxy = Breakable(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
