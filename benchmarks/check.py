"""`scripts/bench check`: how long the full verdict on a model takes, and how little of the model is read for it.

The model is Llama 3.1 70B in 200 shards, 141 GB as it is listed: sparse files, first as a folder, then over S3 with
50 ms added to every request. `outcrop check` runs as a process of its own, its start included; the best of three runs
counts, since whatever else runs on the machine only ever adds. All of them are printed.

    local_s      the folder                          target <= 2
    s3_50ms_s    over S3                             target <= 2
    share_read   bytes read of the 141 GB, over S3   target <= 0.001
    requests     to S3                               target <= 1000
    rss_mb       most memory of these runs           target <= 200
    example_s    the example model, as a folder      target <= 0.6
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.slow_s3 import Served
from benchmarks.sparse_model import make

RUNS = 3
LATENCY_S = 0.05
EXAMPLE = Path(__file__).parents[1] / "examples" / "fieldguide" / "model"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One verdict."""

    seconds: float
    rss_mb: float


@dataclass
class Store:
    """A running S3 server, and what it had served when it stopped."""

    url: str
    served: Served | None = None


def main(arguments: Sequence[str]) -> None:
    """Measures, and prints the figures as one JSON object."""
    runs = int(arguments[0]) if arguments else RUNS
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as temporary:
        folder = Path(temporary)
        listed = make(folder / "bench" / "llama")
        local = [_check(str(folder / "bench" / "llama")) for _ in range(runs)]
        remote, stores = [], []
        for _ in range(runs):
            with _slow_s3(folder) as store:
                remote.append(_check("s3://bench/llama/", s3=store.url))
            stores.append(store.served or Served())
        example = [_check(str(EXAMPLE)) for _ in range(runs)]
    figures = {
        "local_s": _best(local),
        "s3_50ms_s": _best(remote),
        "share_read": round(max(served.body_bytes for served in stores) / listed, 7),
        "requests": max(served.requests for served in stores),
        "rss_mb": round(max(run.rss_mb for run in (*local, *remote)), 1),
        "example_s": _best(example),
    }
    seconds = {
        name: [round(run.seconds, 3) for run in timed]
        for name, timed in (("local_s", local), ("s3_50ms_s", remote), ("example_s", example))
    }
    print(json.dumps({"machine": machine(), "listed_bytes": listed, "runs": seconds}, indent=2))
    print(json.dumps(figures))


def _check(target: str, *, s3: str | None = None) -> Run:
    """Runs `outcrop check`, which has to find the model importable: by AWS's rules, whatever memory is here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    if s3 is not None:
        keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
        environment |= {**keys, "AWS_ENDPOINT_URL_S3": s3}
    command = [sys.executable, "-m", "outcrop", "check", target, "--profile", "bedrock"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} exited with {process.returncode}")
    return Run(seconds=seconds, rss_mb=usage.ru_maxrss / 1024)


@contextmanager
def _slow_s3(folder: Path) -> Iterator[Store]:
    command = [sys.executable, "-m", "benchmarks.slow_s3", str(folder), str(LATENCY_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        store = Store(url=f"http://127.0.0.1:{int(process.stdout.readline())}")
        yield store
        told, _ = process.communicate()
        store.served = Served(**json.loads(told))


def _best(runs: Sequence[Run]) -> float:
    return round(min(run.seconds for run in runs), 3)


if __name__ == "__main__":
    main(sys.argv[1:])
