"""Many streams at once for a while: is each token there, in its place and in its own stream, and does memory stay flat?

The null engine numbers the words of each reply by the request's seed, and gives one every tenth of a second, as a large
model does. Half of the streams are InvokeModelWithResponseStream, half ConverseStream; each connection asks again when
its reply has ended. Frames are decoded by botocore, checksums included.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from tests.e2e.servers import RunningServer

from benchmarks.data_plane import imported, null_engine, outcrop_on
from benchmarks.machine import machine

TOKENS = 300
CHUNK_S = 0.1
READ_BYTES = 1 << 16


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of all streams together."""

    streams: int = 0
    """Replies that were read to their end."""
    tokens: int = 0
    """Words in their place."""
    lost: int = 0
    """Words that did not come, or not in their place."""
    mixed: int = 0
    """Words of another stream."""
    open_most: int = 0
    """Streams that were open at the same time."""
    problems: list[str] = field(default_factory=list)

    def add(self, seed: int, words: list[str], most: int) -> None:
        """Holds a reply against what it should be."""
        self.streams += 1
        expected = [f"{seed}.{number}" for number in range(most)]
        right = sum(one == other for one, other in zip_longest(words, expected))
        self.tokens += right
        self.lost += most - min(right, most)
        self.mixed += sum(word.partition(".")[0] != str(seed) for word in words)


def main() -> None:
    """Runs everything; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=200, help="streams at once; default: 200")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long; default: 60")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="outcrop-bench-") as name,
        null_engine(CHUNK_S) as engine,
        outcrop_on(Path(name), engine) as server,
    ):
        memory: list[float] = []
        seen = asyncio.run(watched(server, memory, streams=options.streams, seconds=options.seconds))
    print(f"machine: {machine()}; load {os.getloadavg()[0]:.1f}")
    print(f"{seen.streams} replies, {seen.open_most} open at once; memory: {memory[0]} to {memory[-1]} MB")
    for problem in seen.problems[:10]:
        print(problem)
    print(
        json.dumps(
            {
                "streams": seen.open_most,
                "tokens": seen.tokens,
                "lost": seen.lost,
                "mixed": seen.mixed,
                "rss_start_mb": memory[0],
                "rss_end_mb": memory[-1],
            }
        )
    )


async def watched(server: RunningServer, memory: list[float], *, streams: int, seconds: float) -> Seen:
    """Reads streams, and adds the server's memory, from a sixth of the time on, when all are under way."""
    model = imported(server)
    work = asyncio.create_task(read(server, model, streams=streams, seconds=seconds))
    await asyncio.wait({work}, timeout=seconds / 6)
    while not work.done():
        memory.append(rss_mb(server.process.pid))
        await asyncio.wait({work}, timeout=1)
    memory.append(rss_mb(server.process.pid))
    return work.result()


async def read(
    server: RunningServer, model: str, *, streams: int, seconds: float, tokens: int = TOKENS, replies: int | None = None
) -> Seen:
    """Reads streams side by side until the time is over, or each connection has had so many replies."""
    until = time.monotonic() + seconds
    seen, seeds, is_open = Seen(), itertools.count(1), [0]

    async def one(number: int) -> None:
        for done in itertools.count():
            if time.monotonic() > until if replies is None else done >= replies:
                return
            seed = next(seeds)
            words: list[str] = []
            try:
                async for word in _words(server, model, seed, tokens, is_converse=number % 2 == 1):
                    if not words:
                        is_open[0] += 1
                        seen.open_most = max(seen.open_most, is_open[0])
                    words.append(word)
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                seen.problems.append(f"stream {seed}: {type(error).__name__}: {error}")
            finally:
                is_open[0] -= bool(words)
            seen.add(seed, words, tokens)

    async with asyncio.TaskGroup() as group:
        for number in range(streams):
            group.create_task(one(number))
    return seen


def rss_mb(pid: int) -> float:
    """Memory of a process that is its own, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kib,) = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
    return round(kib / 1024, 1)


async def _words(server: RunningServer, model: str, seed: int, tokens: int, *, is_converse: bool) -> AsyncIterator[str]:
    """Yields the words of one reply. Raises ValueError for what is no stream of events."""
    url = server.variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(_signed(server, url, model, seed, tokens, is_converse=is_converse))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise ValueError(f"{head[:100]!r} {await reader.read(500)!r}")
        events = EventStreamBuffer()
        while size := int(await reader.readline(), 16):
            events.add_data(await reader.readexactly(size))
            await reader.readexactly(2)
            for event in events:
                for word in _words_of(event.headers, event.payload):
                    yield word
    finally:
        writer.close()


def _words_of(headers: dict[str, Any], payload: bytes) -> Iterator[str]:
    if headers.get(":message-type") != "event":
        raise ValueError(f"{headers}: {payload[:200]!r}")
    document = json.loads(payload)
    if headers[":event-type"] == "chunk":
        yield from json.loads(base64.b64decode(document["bytes"]))["generation"].split()
    elif headers[":event-type"] == "contentBlockDelta":
        yield from document["delta"]["text"].split()


def _signed(server: RunningServer, url: str, model: str, seed: int, tokens: int, *, is_converse: bool) -> bytes:
    """A request as it goes over the wire."""
    if is_converse:
        body: dict[str, Any] = {
            "messages": [{"role": "user", "content": [{"text": f"Reply {seed}."}]}],
            "inferenceConfig": {"maxTokens": tokens},
            "additionalModelRequestFields": {"seed": seed},
        }
    else:
        body = {"prompt": f"Reply {seed}.", "max_gen_len": tokens, "seed": seed}
    action = "converse-stream" if is_converse else "invoke-with-response-stream"
    path = f"/model/{quote(model, safe='')}/{action}"
    content = json.dumps(body).encode()
    variables = server.variables
    credentials = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    headers = {"host": urlsplit(url).netloc, "content-type": "application/json"}
    request = AWSRequest(method="POST", url=url + path, data=content, headers=headers)
    SigV4Auth(credentials, "bedrock", variables["AWS_REGION"]).add_auth(request)
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    return ("\r\n".join([*lines, f"content-length: {len(content)}"]) + "\r\n\r\n").encode() + content


if __name__ == "__main__":
    main()
