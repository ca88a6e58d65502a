"""A small S3 server before a folder, whose files may be larger than memory: it counts what it serves, and holds back.

It knows what an import's source is asked for: a list, HEAD and ranged GET. What an S3 does wrong is faulty_s3.py's.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.loopback import served

LARGE_BYTES = 1 << 20
"""Ranges from this size on are parts of a copy; what checks read is smaller."""
ENDED_AFTER_S = 300.0
"""A test that forgets what is held back ends all the same."""


@dataclass(frozen=True, slots=True)
class Served:
    """A range that was served whole: object, first byte, one past the last."""

    key: str
    first: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """Of the range."""
        return self.stop - self.first


@dataclass
class CountingS3:
    """What was served, and what is held back."""

    root: Path
    url: str = ""
    served: list[Served] = field(default_factory=list)
    """Large ranges, in the order in which the last byte of each had gone out."""
    begun: int = 0
    """Large ranges that were let through."""
    most: int | None = None
    """How many large ranges are let through; None: all. What comes after them gets no answer."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set once a range is held back."""
    dropped: threading.Event = field(default_factory=threading.Event)
    """Set: those that got no answer are cut off."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_let_through(self) -> bool:
        """Whether one more large range is served."""
        with self.lock:
            if self.most is not None and self.begun >= self.most:
                self.held.set()
                return False
            self.begun += 1
            return True

    def take_back(self) -> None:
        """Lets another range through in place of one that did not go out whole."""
        with self.lock:
            self.begun -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: CountingS3

    def do_HEAD(self) -> None:
        """HeadObject."""
        path = self._path()
        if not path.is_file():
            self._answer(404, b"")
            return
        self._head(200, {"ETag": _etag(path), "Content-Length": str(path.stat().st_size)})

    def do_GET(self) -> None:
        """ListObjectsV2 and GetObject."""
        path = self._path()
        if "list-type" in parse_qs(urlsplit(self.path).query):
            self._list(path)
        elif path.is_file():
            self._get(path)
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")

    def _get(self, path: Path) -> None:
        size = path.stat().st_size
        first, last = 0, size - 1
        if asked := self.headers.get("Range"):
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        last = min(last, size - 1)
        served = Served(path.name, first, last + 1)
        if served.size_bytes >= LARGE_BYTES and not self.state.is_let_through():
            self.state.dropped.wait(ENDED_AFTER_S)
            self.close_connection = True
            return
        length = {"Content-Length": str(served.size_bytes), "Content-Range": f"bytes {first}-{last}/{size}"}
        self._head(206 if asked else 200, {"ETag": _etag(path), **length})
        try:
            self.wfile.flush()
            with path.open("rb") as file:
                while first <= last:
                    first += os.sendfile(self.connection.fileno(), file.fileno(), first, last + 1 - first)
        except OSError:
            # Whoever asked has been killed, or asks once more.
            self.close_connection = True
            if served.size_bytes >= LARGE_BYTES:
                self.state.take_back()
            return
        if served.size_bytes >= LARGE_BYTES:
            self.state.served.append(served)

    def _list(self, bucket: Path) -> None:
        query = parse_qs(urlsplit(self.path).query)
        prefix = query.get("prefix", [""])[0]
        found = sorted(path for path in bucket.rglob("*") if path.is_file())
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size><ETag>{_etag(path)}</ETag></Contents>"
            for path in found
            if (key := str(path.relative_to(bucket))).startswith(prefix)
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode())

    def _path(self) -> Path:
        return self.state.root / unquote(urlsplit(self.path).path).strip("/")

    def _answer(self, status: int, content: bytes) -> None:
        self._head(status, {"Content-Type": "application/xml", "Content-Length": str(len(content))})
        self.wfile.write(content)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@contextmanager
def counting_s3(root: Path) -> Iterator[CountingS3]:
    """Runs a server; its buckets are the folders in `root`."""
    state = CountingS3(root)
    with served(type("Handler", (_Handler,), {"state": state})) as state.url:
        try:
            yield state
        finally:
            state.dropped.set()


def _etag(path: Path) -> str:
    return f'"{path.stat().st_mtime_ns:032x}"'
