"""An S3 server over folders for `scripts/bench check`: it lists and serves ranges, and is late with every answer.

    python -m benchmarks.slow_s3 FOLDER LATENCY_S

Prints its port; at the end of its standard input it prints what it served, as JSON, and stops. Each sub-folder is a
bucket. Every answer is held back by the latency, which is what a proxy in front of it would do. Signatures are not
checked; If-Match is.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class Served:
    """What was asked of the server."""

    requests: int = 0
    body_bytes: int = 0


class SlowS3:
    """The server: HTTP/1.1 with connections that stay open."""

    def __init__(self, folder: Path, latency_s: float) -> None:
        self._folder = folder
        self._latency_s = latency_s
        self.served = Served()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                arrived = asyncio.get_running_loop().time()
                status, answer, body = self._answer(target, headers)
                await asyncio.sleep(self._latency_s - (asyncio.get_running_loop().time() - arrived))
                self.served.requests += 1
                self.served.body_bytes += len(body)
                answer["Content-Length"] = str(len(body))
                lines = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
                writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, target: str, headers: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
        url = urlsplit(target)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        query = parse_qs(url.query)
        if "list-type" in query:
            return "200 OK", {"Content-Type": "application/xml"}, self._list(bucket, query.get("prefix", [""])[0])
        file = self._folder / bucket / key
        if not key or not file.is_file():
            return "404 Not Found", {}, b"<Error><Code>NoSuchKey</Code></Error>"
        size = file.stat().st_size
        if headers.get("if-match", _etag(size)) != _etag(size):
            return "412 Precondition Failed", {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        begin, _, last = headers.get("range", f"bytes=0-{size - 1}").removeprefix("bytes=").partition("-")
        start, end = int(begin), min(int(last) + 1, size)
        with file.open("rb") as opened:
            opened.seek(start)
            body = opened.read(end - start)
        about = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "ETag": _etag(size), "Last-Modified": _DATE}
        return "206 Partial Content", about, body

    def _list(self, bucket: str, prefix: str) -> bytes:
        root = self._folder / bucket
        keys = {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>{escape(_etag(size))}</ETag></Contents>"
            for key, size in sorted(keys.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()


_DATE = "Sat, 01 Nov 2025 00:00:00 GMT"


def _etag(size: int) -> str:
    return f'"{size:x}"'


async def serve(folder: Path, latency_s: float) -> None:
    """Serves until the end of the standard input."""
    slow = SlowS3(folder, latency_s)
    server = await asyncio.start_server(slow.connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(asdict(slow.served)), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
