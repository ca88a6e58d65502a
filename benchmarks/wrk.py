"""wrk, the load generator: Debian's package `wrk`, replaying requests that were made beforehand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).parent / "replay.lua"
_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one round of load gave."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


def require_wrk() -> None:
    """Makes sure that wrk is here: installed when we are root on Debian, else asked for. Raises SystemExit."""
    if shutil.which("wrk") is not None:
        return
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        print("bench: installing wrk", file=sys.stderr)
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
        subprocess.run(_INSTALL, check=True, stdout=sys.stderr)
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; on Debian: sudo apt-get install wrk")


def replay(url: str, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Sends the requests again and again over so many connections. Raises SystemExit unless all are answered well."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(request + b"\0" for request in requests))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(_SCRIPT), url]
        ran = subprocess.run([*command, "--", file.name], check=True, capture_output=True, text=True)
    told = json.loads(ran.stdout.splitlines()[-1])
    if told["refused"] or told["lost"] or not told["requests"]:
        raise SystemExit(f"bench: {url} refused or lost requests: {told}")
    return Load(requests_per_s=told["requests"] / told["seconds"], p50_ms=told["p50_ms"], p99_ms=told["p99_ms"])
