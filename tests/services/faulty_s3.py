"""A small S3 server of our own, in memory and on loopback, that misbehaves as it is told.

It knows what the adapters use: lists with pages, HEAD, ranged GET with If-Match, PUT, DELETE and multipart uploads. It
checks no signatures. What a healthy server does is tested with a real one (test_s3.py); here it is what goes wrong.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Fault(Enum):
    """What happens to one GET of an object."""

    NONE = auto()
    RESET = auto()
    """Half of the bytes, then the connection is reset."""
    SHORT = auto()
    """Half of the bytes, then an orderly end."""
    STALL = auto()
    """Half of the bytes, then nothing, until the server ends."""
    SLOW_DOWN = auto()
    INTERNAL = auto()
    EXPIRED = auto()
    DENIED = auto()
    CHANGED = auto()
    """The object is replaced before it is read."""
    CHANGED_UNNOTICED = auto()
    """So it is, and the server does not know If-Match."""
    WRONG = auto()
    """One byte of the range is another, with the right length and ETag."""
    WHOLE = auto()
    """The server does not know ranges."""


ANSWERS = {
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.INTERNAL: (500, "InternalError"),
    Fault.EXPIRED: (400, "ExpiredToken"),
    Fault.DENIED: (403, "AccessDenied"),
}


@dataclass
class Stored:
    """An object."""

    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of a HEAD and a GET: checksums, version."""
    part_bytes: tuple[int, ...] = ()
    """What GetObjectAttributes tells; empty: it is refused."""

    @property
    def etag(self) -> str:
        """As S3 makes it for a single PUT."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


class FaultyS3:
    """The server's state, for tests to look at and to change."""

    def __init__(self) -> None:
        self.url = ""
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        """Upload id → bucket, key, parts."""
        self.faults: deque[Fault] = deque()
        """Of the next GETs of objects, one each."""
        self.faults_from_bytes = 0
        """Faults hit only GETs of at least so many bytes."""
        self.fault_for_all: Fault = Fault.NONE
        """Of every GET of an object once there are no others."""
        self.put_error: tuple[int, str] | None = None
        """What everything that takes space is answered with."""
        self.page_objects = 1000
        self.bytes_sent = 0
        """Of objects, to readers."""
        self.signers: list[str] = []
        """Access key id of each request; empty where it has none."""
        self.ended_keys: set[str] = set()
        """Access key ids of sessions that have expired."""
        self.gets: list[tuple[str, str]] = []
        """Key and Range of each GET of an object."""
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.ids = itertools.count(1)

    def put(self, bucket: str, key: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Keeps an object."""
        self.buckets.setdefault(bucket, {})[key] = Stored(data, dict(headers or {}))

    def next_fault(self, size_bytes: int) -> Fault:
        """Takes the fault of a GET."""
        with self.lock:
            if size_bytes < self.faults_from_bytes:
                return Fault.NONE
            return self.faults.popleft() if self.faults else self.fault_for_all


@contextmanager
def faulty_s3(buckets: Sequence[str] = (), *, host: str = "127.0.0.1", port: int = 0) -> Iterator[FaultyS3]:
    """Runs a server with empty buckets, in the network namespace of the calling thread."""
    state = FaultyS3()
    state.buckets = {name: {} for name in buckets}
    handler = type("Handler", (_Handler,), {"state": state})
    kind = type(
        "Server", (ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET}
    )
    server = kind((host, port), handler)
    server.daemon_threads = True
    state.url = f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


_SIGNER = re.compile(r"Credential=([A-Za-z0-9]+)/")


class _Handler(BaseHTTPRequestHandler):
    state: FaultyS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Tells nobody."""

    def parse_request(self) -> bool:
        """Reads a request's head; one that is signed in an expired session is answered here."""
        if not super().parse_request():
            return False
        signer = _SIGNER.search(unquote(f"{self.path} {self.headers.get('Authorization', '')}"))
        self.state.signers.append(signer[1] if signer else "")
        if self.state.signers[-1] not in self.state.ended_keys:
            return True
        self._refuse(400, "ExpiredToken")
        return False

    def do_GET(self) -> None:
        """ListObjectsV2, ListMultipartUploads, ListParts, GetObjectAttributes, GetObject."""
        bucket, key, query = self._target()
        if bucket not in self.state.buckets:
            self._refuse(404, "NoSuchBucket")
        elif not key:
            self._list_uploads(bucket, query) if "uploads" in query else self._list(bucket, query)
        elif "uploadId" in query:
            self._list_parts(query["uploadId"])
        elif key not in self.state.buckets[bucket]:
            self._refuse(404, "NoSuchKey")
        elif "attributes" in query:
            self._attributes(self.state.buckets[bucket][key])
        else:
            self._get(bucket, key)

    def do_HEAD(self) -> None:
        """HeadObject."""
        bucket, key, _ = self._target()
        found = self.state.buckets.get(bucket, {}).get(key)
        if found is None:
            self._answer(404, b"")
        elif self.headers.get("If-Match", found.etag) != found.etag:
            self._answer(412, b"")
        else:
            self._answer(200, b"", {"ETag": found.etag, **found.headers, "Content-Length": str(len(found.data))})

    def do_PUT(self) -> None:
        """CreateBucket, PutObject, UploadPart."""
        bucket, key, query = self._target()
        data = self._body()
        if self.state.put_error is not None:
            self._refuse(*self.state.put_error)
        elif not key:
            self.state.buckets.setdefault(bucket, {})
            self._answer(200, b"")
        elif "uploadId" in query:
            if query["uploadId"] not in self.state.uploads:
                self._refuse(404, "NoSuchUpload")
                return
            self.state.uploads[query["uploadId"]][2][int(query["partNumber"])] = data
            self._answer(200, b"", {"ETag": Stored(data).etag})
        else:
            self.state.put(bucket, key, data)
            self._answer(200, b"", {"ETag": Stored(data).etag})

    def do_POST(self) -> None:
        """CreateMultipartUpload, CompleteMultipartUpload, DeleteObjects."""
        bucket, key, query = self._target()
        body = self._body().decode()
        if self.state.put_error is not None and "delete" not in query:
            self._refuse(*self.state.put_error)
        elif "delete" in query:
            for name in re.findall(r"<Key>(.*?)</Key>", body):
                self.state.buckets[bucket].pop(unquote(name), None)
            self._xml("<DeleteResult/>")
        elif "uploads" in query:
            upload = f"upload-{next(self.state.ids)}"
            self.state.uploads[upload] = (bucket, key, {})
            self._xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        else:
            held = self.state.uploads.pop(query["uploadId"], None)
            if held is None:
                self._refuse(404, "NoSuchUpload")
                return
            numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", body)]
            self.state.put(bucket, key, b"".join(held[2][number] for number in numbers))
            self._xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        """AbortMultipartUpload, DeleteObject."""
        bucket, key, query = self._target()
        if "uploadId" in query:
            self.state.uploads.pop(query["uploadId"], None)
        else:
            self.state.buckets[bucket].pop(key, None)
        self._answer(204, b"")

    def _get(self, bucket: str, key: str) -> None:
        asked = self.headers.get("Range")
        first, last = 0, len(self.state.buckets[bucket][key].data) - 1
        if asked is not None:
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        fault = self.state.next_fault(last + 1 - first)
        if fault in ANSWERS:
            self._refuse(*ANSWERS[fault])
            return
        self._change(bucket, key, fault)
        found = self.state.buckets[bucket][key]
        if self.headers.get("If-Match", found.etag) != found.etag and fault is not Fault.CHANGED_UNNOTICED:
            self._refuse(412, "PreconditionFailed")
            return
        self.state.gets.append((key, asked or ""))
        data, headers, status = found.data, {"ETag": found.etag, **found.headers}, 200
        if asked is not None and fault is not Fault.WHOLE:
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            data, status = data[first : last + 1], 206
        if fault is Fault.WRONG:
            data = bytes([data[0] ^ 1]) + data[1:]
        if fault in (Fault.RESET, Fault.SHORT, Fault.STALL):
            self._break_off(status, data, headers, fault)
            return
        self.state.bytes_sent += len(data)
        self._answer(status, data, headers)

    def _change(self, bucket: str, key: str, fault: Fault) -> None:
        if fault in (Fault.CHANGED, Fault.CHANGED_UNNOTICED):
            self.state.put(bucket, key, bytes(len(self.state.buckets[bucket][key].data)))

    def _break_off(self, status: int, data: bytes, headers: Mapping[str, str], fault: Fault) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.state.bytes_sent += len(data) // 2
        self.close_connection = True
        if fault is Fault.STALL:
            self.state.ended.wait()
        elif fault is Fault.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _list(self, bucket: str, query: Mapping[str, str]) -> None:
        names = sorted(name for name in self.state.buckets[bucket] if name.startswith(query.get("prefix", "")))
        if "delimiter" in query:
            self._list_folders(names, query)
            return
        names = [name for name in names if name > query.get("continuation-token", query.get("start-after", ""))]
        page = names[: min(self.state.page_objects, int(query.get("max-keys", "1000")))]
        more = len(page) < len(names)
        entries = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.state.buckets[bucket][name].data)}</Size>"
            f"<ETag>{escape(self.state.buckets[bucket][name].etag)}</ETag></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._xml(
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{entries}{token}</ListBucketResult>"
        )

    def _list_folders(self, names: Sequence[str], query: Mapping[str, str]) -> None:
        prefix = query.get("prefix", "")
        folders = sorted(
            {prefix + name[len(prefix) :].split("/")[0] + "/" for name in names if "/" in name[len(prefix) :]}
        )
        entries = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
        self._xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _list_uploads(self, bucket: str, query: Mapping[str, str]) -> None:
        entries = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId></Upload>"
            for upload, (of, key, _) in self.state.uploads.items()
            if of == bucket and key.startswith(query.get("prefix", ""))
        )
        self._xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{entries}</ListMultipartUploadsResult>")

    def _list_parts(self, upload: str) -> None:
        if upload not in self.state.uploads:
            self._refuse(404, "NoSuchUpload")
            return
        entries = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{len(data)}</Size>"
            f"<ETag>{escape(Stored(data).etag)}</ETag></Part>"
            for number, data in sorted(self.state.uploads[upload][2].items())
        )
        self._xml(f"<ListPartsResult><IsTruncated>false</IsTruncated>{entries}</ListPartsResult>")

    def _attributes(self, found: Stored) -> None:
        if not found.part_bytes:
            self._refuse(403, "AccessDenied")
            return
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size></Part>"
            for number, size in enumerate(found.part_bytes, 1)
        )
        self._xml(
            "<GetObjectAttributesResponse><ObjectParts><IsTruncated>false</IsTruncated>"
            f"{parts}</ObjectParts></GetObjectAttributesResponse>"
        )

    def _target(self) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        return bucket, key, {name: each[0] for name, each in parse_qs(parts.query, keep_blank_values=True).items()}

    def _body(self) -> bytes:
        """Reads what the client sends; SDKs that add a checksum after the body send it in chunks of their own."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        data, place = b"", 0
        while True:
            line, _, _ = raw[place:].partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                return data
            place += len(line) + 2
            data += raw[place : place + size]
            place += size + 2

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode())

    def _xml(self, text: str) -> None:
        self._answer(200, f'<?xml version="1.0"?>{text}'.encode())

    def _answer(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
