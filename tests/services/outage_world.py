"""A server whose source, vault, key service and database each lie behind a proxy of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from tests.contract.kms_server import running_kms
from tests.e2e.servers import EXAMPLE, RunningServer, running_server
from tests.services.breakable import Breakable, breakable
from tests.services.faulty_s3 import faulty_s3

WAIT_S = 180.0
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
POSTGRES_PORT = 5432


def await_that(is_so: Callable[[], Any], what: Callable[[], str], within_s: float = WAIT_S) -> None:
    """Waits until something is so; else says what is instead."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


@contextmanager
def running_engine() -> Iterator[str]:
    """An engine of canned words; gives its URL."""
    with breakable(("127.0.0.1", 9)) as unused:
        port = unused.port
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.null_server", str(port), "0"], cwd=EXAMPLE.parents[1])
    try:
        await_that(lambda: process.poll() is not None or _listens(port), lambda: "the engine does not listen")
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server, and what it depends on."""

    server: RunningServer
    parts: tuple[Breakable, ...]
    """The ways to what will be away."""
    gate: Breakable
    """Where an import is held in its middle."""

    def away(self) -> None:
        """Takes the parts away from an import that is held, and lets it come to that."""
        for part in self.parts:
            part.away()
        if self.gate not in self.parts:
            self.gate.let_go()

    def back(self) -> None:
        """Brings them back."""
        for part in self.parts:
            part.back()
        self.gate.let_go()


@contextmanager
def place_of(
    part: str, root: Path, *, engine: str, outage_s: float, postgres_url: str | None = None, more: tuple[str, ...] = ()
) -> Iterator[Place]:
    """Runs a server of which one part can be taken away: `source`, `vault`, `kms` or `database`; or `all` four.

    An import is held where that part is needed next: at the first byte of the source for a key, else in its copy.
    """
    with ExitStack() as stack:
        bucket = stack.enter_context(faulty_s3(["models", "vault"]))
        for path in (EXAMPLE / "model").iterdir():
            bucket.put("models", f"good/{path.name}", path.read_bytes())
        store = stack.enter_context(breakable(address_of(bucket.url)))
        flags = ["--engine", engine, "--outage-s", str(outage_s), "--log-format", "json", *more]
        environment = {**KEYS, "AWS_ENDPOINT_URL_S3": store.url}
        broken = [store] if part in ("source", "vault", "all") else []
        if part == "all":
            flags += ["--vault", "s3://vault/sealed"]
        if part == "vault":
            buckets = root / "buckets"
            (buckets / "models").mkdir(parents=True)
            (buckets / "models" / "good").symlink_to(EXAMPLE / "model", target_is_directory=True)
            flags += ["--buckets", str(buckets), "--vault", "s3://vault/sealed"]
        if part in ("kms", "all"):
            kms, url = stack.enter_context(running_kms())
            broken.append(stack.enter_context(breakable(address_of(url))))
            environment["AWS_ENDPOINT_URL_KMS"] = broken[-1].url
            flags += ["--keys", "kms", "--kms-key", kms.make_key()]
        if part in ("database", "all"):
            assert postgres_url is not None
            url = sa.engine.make_url(postgres_url)
            port = url.port or POSTGRES_PORT
            folder = url.query.get("host")
            broken.append(stack.enter_context(breakable((url.host, port) if url.host else f"{folder}/.s.PGSQL.{port}")))
            through = url.set(host="127.0.0.1", port=broken[-1].port, query={})
            flags += ["--database", through.render_as_string(hide_password=False)]
        server = stack.enter_context(running_server(root / "data", *flags, environment=environment))
        yield Place(server=server, parts=tuple(broken), gate=store)


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


MIDDLE_BYTES = 2_000_000
"""Of the gate's traffic, which is the source's but for the vault's own test: the example model has four million."""


def begin(place: Place, part: str, name: str) -> str:
    """Begins an import and holds it in its middle; returns the job's ARN."""
    place.gate.hold_after(1 if part == "kms" else MIDDLE_BYTES)
    job = place.server.create_import(name, "s3://models/good/")
    assert place.gate.held.wait(WAIT_S), place.server.log()
    return job
