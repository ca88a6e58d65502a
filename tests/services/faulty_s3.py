"""A small S3 server of our own, in memory and on loopback, that misbehaves as it is told.

It knows what the adapters use: lists with pages, HEAD, ranged GET with If-Match, PUT, DELETE and multipart uploads. It
checks no signatures. What a healthy server does is tested with a real one (test_s3.py); here it is what goes wrong.

    faulty_state.py     what it holds, and what it is told to do wrong
    faulty_answers.py   requests and answers
    faulty_uploads.py   what is written
    faulty_s3.py        what is read, and how it runs
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from xml.sax.saxutils import escape

from tests.services.faulty_state import ANSWERS, Fault, FaultyS3, Stored
from tests.services.faulty_uploads import Uploads

__all__ = ["Fault", "FaultyS3", "Stored", "faulty_s3"]


@contextmanager
def faulty_s3(
    buckets: Sequence[str] = (), *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[FaultyS3]:
    """Runs a server with empty buckets, in the calling thread's network namespace; with a context it speaks HTTPS."""
    state = FaultyS3()
    state.buckets = {name: {} for name in buckets}
    handler = type("Handler", (_Handler,), {"state": state})
    kind = type(
        "Server", (ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET}
    )
    server = kind((host, port), handler)
    server.daemon_threads = True
    if tls is not None:
        # The handshake is the handler's, in its own thread: a client that breaks it off stops nobody.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    shown = f"[{host}]" if ":" in host else host
    state.url = f"{'http' if tls is None else 'https'}://{shown}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(Uploads):
    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """ListObjectsV2, ListMultipartUploads, ListParts, GetObjectAttributes, GetObject."""
        bucket, key, query = self.target()
        if self.is_refused():
            return
        if bucket not in self.state.buckets:
            self.refuse(404, "NoSuchBucket")
        elif not key:
            self.list_uploads(bucket, query) if "uploads" in query else self._list(bucket, query)
        elif "uploadId" in query:
            self.list_parts(query["uploadId"])
        elif key not in self.state.buckets[bucket]:
            self.refuse(404, "NoSuchKey")
        elif "attributes" in query:
            self._attributes(self.state.buckets[bucket][key])
        else:
            self._get(bucket, key)

    def do_HEAD(self) -> None:  # noqa: N802  # http.server's name
        """HeadObject."""
        bucket, key, _ = self.target()
        if self.is_refused():
            return
        found = self.state.buckets.get(bucket, {}).get(key)
        if found is None:
            self.answer(404, b"")
        elif self.headers.get("If-Match", found.etag) != found.etag:
            self.answer(412, b"")
        else:
            self.answer(200, b"", {"ETag": found.etag, **found.headers, "Content-Length": str(len(found.data))})

    def _get(self, bucket: str, key: str) -> None:
        asked = self.headers.get("Range")
        first, last = 0, len(self.state.buckets[bucket][key].data) - 1
        if asked is not None:
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        fault = self.state.next_fault(last + 1 - first)
        if fault in ANSWERS:
            self.refuse(*ANSWERS[fault])
            return
        self._change(bucket, key, fault)
        found = self.state.buckets[bucket][key]
        knows_if_match = fault not in (Fault.CHANGED_UNNOTICED, Fault.IF_MATCH_OVERLOOKED)
        if self.headers.get("If-Match", found.etag) != found.etag and knows_if_match:
            self.refuse(412, "PreconditionFailed")
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
        self.answer(status, data, headers)

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
        self.xml(f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{entries}{token}</ListBucketResult>")

    def _list_folders(self, names: Sequence[str], query: Mapping[str, str]) -> None:
        prefix = query.get("prefix", "")
        folders = sorted(
            {prefix + name[len(prefix) :].split("/")[0] + "/" for name in names if "/" in name[len(prefix) :]}
        )
        entries = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
        self.xml(f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")

    def _attributes(self, found: Stored) -> None:
        if not found.part_bytes:
            self.refuse(403, "AccessDenied")
            return
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{size}</Size></Part>"
            for number, size in enumerate(found.part_bytes, 1)
        )
        self.xml(
            "<GetObjectAttributesResponse><ObjectParts><IsTruncated>false</IsTruncated>"
            f"{parts}</ObjectParts></GetObjectAttributesResponse>"
        )
