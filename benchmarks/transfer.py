"""Outcrop's copy stage beside s5cmd and boto3, and its load beside a plain copy, in the same run on the same machine.

The source is nginx on loopback, whose files are in the page cache. Outcrop reads, checksums, seals, writes and syncs,
and keeps its journal; s5cmd copies, and `sync FILE…` syncs; boto3's `download_file` copies. The tools take turns. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.limits import limits
from benchmarks.load import measure, ratio
from benchmarks.machine import machine
from benchmarks.nginx import nginx
from benchmarks.peers import program

GIB = 1 << 30
BUCKET = "bucket"
BOTO3 = """
import boto3, sys, time
client = boto3.client("s3")
began = time.perf_counter()
for key in sys.argv[3:]:
    client.download_file(sys.argv[1], key, sys.argv[2] + "/" + key)
print(time.perf_counter() - began)
"""


def main() -> None:
    """Runs all measurements."""
    parser = argparse.ArgumentParser(prog="scripts/bench transfer")
    parser.add_argument("--gib", type=float, default=4.0, help="size of the source, in two files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-mib", type=int, default=256, help="Outcrop's --copy-memory-mib")
    parser.add_argument("--rss-gib", type=int, nargs=2, default=(1, 16), help="sizes for peak memory, sparse")
    parser.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()), help="a folder on a disk")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="a folder on tmpfs")
    given = parser.parse_args()
    s5cmd = program("s5cmd")
    with _folder(given.disk) as disk, _folder(given.tmpfs) as memory:
        source = disk / "source" / BUCKET
        keys = _make_files(source, int(given.gib * GIB))
        with nginx(disk / "source", disk / "nginx") as url:
            bench = _Bench(url, source=source, s5cmd=s5cmd, memory_mib=given.memory_mib)
            _tell("machine", machine())
            _tell("limits, GiB/s, one thread", limits(f"{url}/{BUCKET}/{keys[0]}", disk=disk, memory=memory))
            figures = bench.figures(keys, disk=disk, memory=memory, rounds=given.rounds)
            for size, name in zip(given.rss_gib, ("rss_mb_1gib", "rss_mb_16gib"), strict=True):
                figures[name] = bench.peak_rss(size, disk)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


class _Bench:
    def __init__(self, url: str, *, source: Path, s5cmd: Path, memory_mib: int) -> None:
        self._source = source
        self._s5cmd = s5cmd
        self._memory_mib = memory_mib
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def figures(self, keys: Sequence[str], *, disk: Path, memory: Path, rounds: int) -> dict[str, float]:
        """Measures the copies, in turns, and the load."""
        for key in keys:  # into the page cache
            _run(["cat", str(self._source / key)], stdout=subprocess.DEVNULL)
        tools: dict[str, Callable[[Path], float]] = {
            "outcrop": lambda to: self.copy_stage(keys, to)["seconds"],
            "s5cmd": lambda to: self._copy_with_s5cmd(keys, to),
            "boto3": lambda to: self._copy_with_boto3(keys, to),
        }
        on_disk = _in_turns({name: tools[name] for name in ("outcrop", "s5cmd")}, disk, rounds)
        on_tmpfs = _in_turns(tools, memory, rounds)
        with _folder(memory) as folder:
            where = self.copy_stage(keys, folder, then="where")
        gib = where["bytes"] / GIB
        load = measure(gib, rounds, memory)
        threads = where["threads_s"]
        rest = threads.pop("all") - sum(threads.values())
        _tell(
            "processor seconds a GiB, in the copy's threads",
            {"socket": rest / gib} | {k: v / gib for k, v in threads.items()},
        )
        _tell("load, seconds", load)
        return {
            "ratio_vs_s5cmd_disk": on_disk["s5cmd"] / on_disk["outcrop"],
            "ratio_vs_s5cmd_tmpfs": on_tmpfs["s5cmd"] / on_tmpfs["outcrop"],
            "ratio_vs_boto3_tmpfs": on_tmpfs["boto3"] / on_tmpfs["outcrop"],
            "cpu_s_per_gib": where["cpu_s"] / gib,
            "load_ratio": ratio(load),
        }

    def peak_rss(self, gib: int, disk: Path) -> float:
        """Peak memory of a copy of sparse sources, in MB."""
        key = f"sparse-{gib}"
        with (self._source / key).open("wb") as file:
            file.truncate(gib * GIB)
        with _folder(disk) as folder:
            found = self.copy_stage([key], folder)
        (self._source / key).unlink()
        _tell(f"{gib} GiB, sparse, to disk", {name: found[name] for name in ("seconds", "cpu_s", "peak_rss_mb")})
        return float(found["peak_rss_mb"])

    def copy_stage(self, keys: Sequence[str], to: Path, *, then: str = "nothing") -> dict[str, Any]:
        """Runs Outcrop's copy stage in a new process."""
        given = {
            "vault": str(to),
            "bucket": BUCKET,
            "keys": list(keys),
            "memory_mib": self._memory_mib,
            "then": then,
        }
        done = _run(
            [sys.executable, "-m", "benchmarks.copy_stage", json.dumps(given)],
            env=self._environment,
            stdout=subprocess.PIPE,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def _copy_with_s5cmd(self, keys: Sequence[str], to: Path) -> float:
        commands = "".join(f"cp s3://{BUCKET}/{key} {to / key}\n" for key in keys)
        began = time.perf_counter()
        _run(
            [str(self._s5cmd), "run"],
            env={**self._environment, "S3_ENDPOINT_URL": self._environment["AWS_ENDPOINT_URL_S3"]},
            input=commands.encode(),
            stdout=subprocess.DEVNULL,
        )
        _run(["sync", *(str(to / key) for key in keys)])
        return time.perf_counter() - began

    def _copy_with_boto3(self, keys: Sequence[str], to: Path) -> float:
        done = _run(
            [sys.executable, "-c", BOTO3, BUCKET, str(to), *keys], env=self._environment, stdout=subprocess.PIPE
        )
        return float(done.stdout)


def _in_turns(tools: dict[str, Callable[[Path], float]], folder: Path, rounds: int) -> dict[str, float]:
    """Runs the tools in turns, the order turned each round, and returns the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    names = list(tools)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with _folder(folder) as to:
                seconds[name].append(tools[name](to))
            os.sync()  # what one leaves to be written is not the next one's to wait for
    _tell(f"seconds in {folder.parent}", seconds)
    return {name: median(each) for name, each in seconds.items()}


def _make_files(folder: Path, total: int) -> list[str]:
    folder.mkdir(parents=True)
    keys = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for key in keys:
        with (folder / key).open("wb") as file:
            for _ in range(total // 2 // (1 << 20)):
                file.write(os.urandom(1 << 20))
    return keys


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="outcrop-bench-", dir=parent))
    made.chmod(0o755)  # nginx, started by root, reads as somebody else
    try:
        yield made
    finally:
        shutil.rmtree(made)


def _run(command: Sequence[str], **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, check=True, **more)


def _tell(what: str, values: dict[str, Any]) -> None:
    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(each) for each in value]
        return round(value, 2) if isinstance(value, float) else value

    print(f"{what}: {json.dumps({name: short(value) for name, value in values.items()})}", flush=True)


if __name__ == "__main__":
    main()
