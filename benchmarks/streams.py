"""Many streams at once for a while: none lost, none mixed up, and the server's memory flat.

The engine is a null engine that gives each prompt words of its own, one in each tenth of a second. Every reply of
InvokeModelWithResponseStream is taken apart frame by frame, and held against what its prompt must have got.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from tests.e2e.servers import RunningServer

from benchmarks.data_plane import imported, null_engine, outcrop_on
from benchmarks.machine import machine
from benchmarks.null_server import echoed
from outcrop.testing.null_engine import REPLY_WORDS

CHUNK_S = 0.1
READ_S = 120.0
"""How long a client waits for the next bytes before it calls its stream lost."""


def main() -> None:
    """Runs it; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long new streams are begun")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as name:
        folder = Path(name)
        with null_engine(CHUNK_S, "echo") as engine, outcrop_on(folder, engine) as server:
            asker = _Asker(server, imported(server))
            found = asyncio.run(_run(asker, server.process.pid, given.streams, given.seconds))
    print(f"machine: {machine()}")
    print(json.dumps({"streams": given.streams, "seconds": given.seconds, **found}))


async def _run(asker: _Asker, pid: int, streams: int, seconds: float) -> dict[str, float]:
    """Keeps so many streams open until the time is over and each has ended; counts what came of them."""
    counts: Counter[str] = Counter(lost=0, mixed=0)
    began = time.perf_counter()
    memory: list[float] = []

    async def client(number: int) -> None:
        turn = 0
        while time.perf_counter() - began < seconds:
            name = f"s{number}t{turn}"
            text = await asker.ask(name)
            turn += 1
            counts["whole" if text == echoed(name) else "lost" if text is None else "mixed"] += 1

    async def watch() -> None:
        while True:
            memory.append(_rss_mb(pid))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    async with asyncio.TaskGroup() as group:
        for number in range(streams):
            group.create_task(client(number))
    watching.cancel()
    # The first replies warm up; by a fifth of the time there has been one of each stream.
    settled = memory[len(memory) // 5 :]
    return {
        **counts,
        "tokens": counts["whole"] * REPLY_WORDS,
        "rss_mb_settled": round(settled[0], 1),
        "rss_mb_most": round(max(settled), 1),
        "rss_mb_end": round(settled[-1], 1),
    }


@dataclass(frozen=True, slots=True)
class _Asker:
    server: RunningServer
    arn: str

    async def ask(self, name: str) -> str | None:
        """Returns the text that a prompt got; None when its stream was not whole."""
        raw, address = self._request(name)
        content = b""
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(raw)
            while not content.endswith(b"\r\n0\r\n\r\n"):
                async with asyncio.timeout(READ_S):
                    piece = await reader.read(1 << 16)
                if not piece:
                    return None
                content += piece
            writer.close()
        except (OSError, TimeoutError):
            return None
        return _text(content)

    def _request(self, name: str) -> tuple[bytes, SplitResult]:
        variables = self.server.variables
        url = variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
        body = json.dumps(
            {"messages": [{"role": "user", "content": f"Say {name}"}], "max_tokens": REPLY_WORDS}
        ).encode()
        path = f"/model/{quote(self.arn, safe='')}/invoke-with-response-stream"
        request = AWSRequest(
            method="POST",
            url=url + path,
            data=body,
            headers={"host": urlsplit(url).netloc, "content-type": "application/json"},
        )
        credentials = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(credentials, "bedrock", variables["AWS_REGION"]).add_auth(request)
        lines = [f"POST {path} HTTP/1.1", *(f"{key}: {value}" for key, value in request.headers.items())]
        return ("\r\n".join([*lines, f"content-length: {len(body)}"]) + "\r\n\r\n").encode() + body, urlsplit(url)


def _text(content: bytes) -> str | None:
    """Returns the text of a streamed answer, head included; None when an error is in it, or it has no end."""
    head, _, rest = content.partition(b"\r\n\r\n")
    frames = EventStreamBuffer()
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        frames.add_data(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    text, is_ended = "", False
    for event in frames:
        if ":event-type" not in event.headers:
            return None
        chunk = json.loads(base64.b64decode(json.loads(event.payload)["bytes"]))
        (choice,) = chunk["choices"]
        text += choice["delta"].get("content") or ""
        is_ended = is_ended or choice["finish_reason"] is not None
    return text if is_ended and b" 200 " in head.partition(b"\r\n")[0] else None


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("the kernel tells no VmRSS")


if __name__ == "__main__":
    main()
