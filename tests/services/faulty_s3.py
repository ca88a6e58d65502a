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
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from tests.services.faulty_state import ANSWERS, MESSAGES, Fault, FaultyS3, Stored
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
        elif found.fault in ANSWERS:
            self.answer(ANSWERS[found.fault][0], b"")
        elif not self._matches(found):
            self.answer(412, b"")
        else:
            self.answer(200, b"", {"ETag": found.etag, **found.headers, "Content-Length": str(len(found.data))})

    def _get(self, bucket: str, key: str) -> None:
        asked = self.headers.get("Range")
        first, last = 0, len(self.state.buckets[bucket][key].data) - 1
        if asked is not None:
            first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        fault = self.state.buckets[bucket][key].fault
        if fault is Fault.NONE:
            fault = self.state.next_fault(last + 1 - first)
        if fault in ANSWERS:
            self.refuse(*ANSWERS[fault], MESSAGES.get(fault, "as told"))
            return
        if fault is Fault.PAGE:
            self.answer(200, b"<html><title>Log in</title></html>", {"Content-Type": "text/html"})
            return
        self._change(bucket, key, fault)
        found = self.state.buckets[bucket][key]
        knows_if_match = fault not in (Fault.CHANGED_UNNOTICED, Fault.IF_MATCH_OVERLOOKED)
        if knows_if_match and not self._matches(found):
            self.refuse(412, "PreconditionFailed")
            return
        self.state.gets.append((key, asked or ""))
        self.state.conditions.append(self.headers.get("If-Match"))
        data, headers, status = found.data, {"ETag": found.etag, **found.headers}, 200
        if asked is not None and fault is not Fault.WHOLE:
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            data, status = data[first : last + 1], 206
        if fault is Fault.WRONG:
            data = bytes([data[0] ^ 1]) + data[1:]
        if fault in (Fault.RESET, Fault.SHORT, Fault.STALL, Fault.LONGER):
            self._break_off(status, data, headers, fault)
            return
        self.state.bytes_sent += len(data)
        self.answer(status, data, headers)

    def _matches(self, found: Stored) -> bool:
        """Whether the object is the one that is asked for; as S3 does it, with and without quotes."""
        asked = self.headers.get("If-Match")
        return asked is None or asked.strip('"').lower() == found.etag.strip('"')

    def _change(self, bucket: str, key: str, fault: Fault) -> None:
        if fault in (Fault.CHANGED, Fault.CHANGED_UNNOTICED):
            self.state.put(bucket, key, bytes(len(self.state.buckets[bucket][key].data)))

    def _break_off(self, status: int, data: bytes, headers: Mapping[str, str], fault: Fault) -> None:
        self.send_response(status)
        more = len(data) if fault is Fault.LONGER else 0
        for name, value in {**headers, "Content-Length": str(len(data) + more)}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = len(data) if fault is Fault.LONGER else len(data) // 2
        self.wfile.write(data[:sent])
        self.state.bytes_sent += sent
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
        dialect = self.state.dialect
        is_second = query.get("list-type") == "2"
        if is_second and dialect.refuses_lists_of_version_2:
            self.refuse(501, "NotImplemented")
            return
        is_second = is_second and dialect.knows_lists_of_version_2
        after = query.get("continuation-token", query.get("start-after", "")) if is_second else query.get("marker", "")
        names = [name for name in names if name > after]
        page = names[: min(self.state.page_objects, int(query.get("max-keys", "1000")))]
        more = len(page) < len(names)
        is_encoded = dialect.encodes_keys and query.get("encoding-type") == "url"
        written = quote_plus if is_encoded else escape
        etags = {name: dialect.etag(self.state.buckets[bucket][name].etag) for name in page}
        entries = "".join(
            f"<Contents><Key>{written(name)}</Key><Size>{len(self.state.buckets[bucket][name].data)}</Size>"
            + (f"<ETag>{escape(etags[name])}</ETag>" if etags[name] else "")
            + "</Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more and is_second else ""
        encoding = "<EncodingType>url</EncodingType>" if is_encoded else ""
        self.xml(
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{encoding}{entries}{token}"
            "</ListBucketResult>"
        )

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
