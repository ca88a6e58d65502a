"""What the data plane adds to an engine that takes no time, beside litellm's proxy in the same run.

The null engine is asked directly, through Outcrop, and through the proxy.

One client asks for whole replies, in rounds that alternate between the three; then 64 clients read streams, whose
engine gives a token every 20 ms each, as a busy GPU does. Outcrop's requests are signed beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.e2e.servers import RunningServer

from benchmarks.data_plane import await_listening, free_port, imported, null_engine, outcrop_on
from benchmarks.machine import machine
from benchmarks.peers import VERSIONS, program

TOKENS = 64
STREAMS = 64
CHUNK_S = 0.02
ROUND = 100
WARM_UP = 50
MESSAGES = [{"role": "user", "content": "What is a sill?"}]
BODY: dict[str, Any] = {"messages": MESSAGES, "max_tokens": TOKENS, "temperature": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that answers: where, and with what request."""

    name: str
    url: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    token: bytes
    """What each chunk of a streamed reply has exactly once."""
    more_chunks: int = 0
    """Chunks of a streamed reply beyond its tokens."""

    @property
    def raw(self) -> bytes:
        """The request as it goes over the wire."""
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        return ("\r\n".join([*lines, f"content-length: {len(self.body)}"]) + "\r\n\r\n").encode() + self.body


def main() -> None:
    """Runs everything; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench invoke", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 100 requests on each; default: 10")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a round of streams; default: 10")
    parser.add_argument("--without-litellm", action="store_true", help="where it cannot be installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as name:
        folder = Path(name)
        with null_engine(0) as instant, outcrop_on(folder / "instant", instant) as server:
            targets = [_direct(instant), _signed(server, "invoke")]
            if options.without_litellm:
                taken = _alternate(targets, options.rounds)
            else:
                with _litellm(folder, instant) as proxy:
                    taken = _alternate([*targets, proxy], options.rounds)
        with null_engine(CHUNK_S) as paced, outcrop_on(folder / "paced", paced) as server:
            streams = [_direct(paced, stream=True), _signed(server, "invoke-with-response-stream")]
            rates: dict[str, list[float]] = {target.name: [] for target in streams}
            for _ in range(3):
                for target in streams:
                    rates[target.name].append(asyncio.run(_rate(target, options.seconds)))
    print(f"machine: {machine()}; load {os.getloadavg()[0]:.1f}")
    print(f"peer: {VERSIONS['litellm']}")
    for target, times in taken.items():
        print(f"{target}: p50 {median(times):.3f} ms, p99 {_p99(times):.3f} ms of {len(times)}")
    for target, found in rates.items():
        print(f"{target}, {STREAMS} streams: " + "; ".join(f"{rate:.0f} tokens/s" for rate in found))
    print(json.dumps(_figures(taken, rates)))


def _figures(taken: Mapping[str, Sequence[float]], rates: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    direct, ours, peer = taken["direct"], taken["outcrop"], taken.get("litellm")
    added = median(ours) - median(direct)
    return {
        "added_p50_ms": round(added, 3),
        "added_p99_ms": round(_p99(ours) - _p99(direct), 3),
        "stream_ratio_64": round(median(rates["outcrop"]) / median(rates["direct"]), 3),
        "added_vs_litellm": None if peer is None else round((median(peer) - median(direct)) / added, 2),
    }


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100)[98]


# --- one client ---------------------------------------------------------------------------------------------------


def _alternate(targets: Sequence[Target], rounds: int) -> dict[str, list[float]]:
    """Milliseconds that each request took, by target."""
    taken: dict[str, list[float]] = {target.name: [] for target in targets}
    connections = {target.name: _connected(target) for target in targets}
    for target in targets:
        _ask(connections[target.name], target, WARM_UP)
    for _ in range(rounds):
        for target in targets:
            taken[target.name] += _ask(connections[target.name], target, ROUND)
    for connection in connections.values():
        connection.close()
    return taken


def _connected(target: Target) -> http.client.HTTPConnection:
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(connection: http.client.HTTPConnection, target: Target, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        connection.request("POST", target.path, target.body, dict(target.headers))
        answer = connection.getresponse()
        body = answer.read()
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status != http.client.OK or b"choices" not in body:
            raise SystemExit(f"bench: {target.name} did not answer: {answer.status} {body[:300]!r}")
    return taken


# --- many streams -------------------------------------------------------------------------------------------------


async def _rate(target: Target, seconds: float) -> float:
    """Tokens a second of all streams together."""
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    counts = await asyncio.gather(*(_read_streams(target, until) for _ in range(STREAMS)))
    return sum(counts) / (time.perf_counter() - started)


async def _read_streams(target: Target, until: float) -> int:
    address = urlsplit(target.url)
    tokens = 0
    while time.perf_counter() < until:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(target.raw)
        content = b""
        while piece := await reader.read(1 << 16):
            content += piece
            if content.endswith(b"\r\n0\r\n\r\n"):
                break
        writer.close()
        found = content.count(target.token) - target.more_chunks
        if found != TOKENS:
            raise SystemExit(f"bench: {target.name} streamed {found} tokens of {TOKENS}: {content[:300]!r}")
        tokens += found
    return tokens


# --- who is asked -------------------------------------------------------------------------------------------------


def _direct(url: str, *, stream: bool = False) -> Target:
    body = {**BODY, "stream": True} if stream else BODY
    return Target(
        name="direct",
        url=url,
        path="/v1/chat/completions",
        headers={"host": urlsplit(url).netloc, "content-type": "application/json"},
        body=json.dumps(body).encode(),
        token=b'"finish_reason": null',
    )


def _signed(server: RunningServer, action: str) -> Target:
    """A request that is signed as of now; it holds for five minutes."""
    variables = server.variables
    url, body = variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"], json.dumps(BODY).encode()
    path = f"/model/{quote(imported(server), safe='')}/{action}"
    credentials = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    headers = {"host": urlsplit(url).netloc, "content-type": "application/json"}
    request = AWSRequest(method="POST", url=url + path, data=body, headers=headers)
    SigV4Auth(credentials, "bedrock", variables["AWS_REGION"]).add_auth(request)
    return Target(
        name="outcrop",
        url=url,
        path=path,
        headers=dict(request.headers.items()),
        body=body,
        token=b":event-type",
        more_chunks=1,
    )


@contextmanager
def _litellm(folder: Path, engine: str) -> Iterator[Target]:
    port, config = free_port(), folder / "litellm.json"
    model = {"model": "openai/null", "api_base": f"{engine}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "null", "litellm_params": model}]}))
    command = [program("litellm"), "--config", config, "--port", str(port), "--host", "127.0.0.1"]
    key = f"sk-{secrets.token_hex(32)}"  # without one it does not start; ours checks who asks, too
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": key,
    }
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        await_listening(port)
        url = f"http://127.0.0.1:{port}"
        yield Target(
            name="litellm",
            url=url,
            path="/v1/chat/completions",
            headers={
                "host": urlsplit(url).netloc,
                "content-type": "application/json",
                "authorization": f"Bearer {key}",
            },
            body=json.dumps({**BODY, "model": "null"}).encode(),
            token=b"",
        )
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
