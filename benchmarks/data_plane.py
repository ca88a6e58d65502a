"""What the benchmarks of the data plane share: the null engine, and a server on it that serves the example model."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.servers import EXAMPLE, RunningServer, running_server

START_S = 120.0


def imported(server: RunningServer) -> str:
    """Imports the example model; returns its ARN."""
    job = server.ended(server.create_import("guide", "s3://models/good/"))
    if job["status"] != "Completed":
        raise SystemExit(f"bench: the import failed: {job.get('failureMessage')}")
    return str(job["importedModelArn"])


@contextmanager
def outcrop_on(folder: Path, engine: str) -> Iterator[RunningServer]:
    """Runs a server on the engine at a URL, with the example model in a bucket."""
    shutil.copytree(EXAMPLE / "model", folder / "buckets" / "models" / "good")
    with running_server(folder / "data", "--buckets", str(folder / "buckets"), "--engine", engine) as server:
        yield server


@contextmanager
def null_engine(chunk_s: float) -> Iterator[str]:
    """Serves the null engine (benchmarks.null_server); gives its URL."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.null_server", str(port), str(chunk_s)])
    try:
        await_listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_listening(port: int) -> None:
    """Returns once somebody listens on a port. Raises SystemExit."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"bench: nothing listens on port {port}")
