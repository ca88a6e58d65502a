"""Kills this process at a crash point, as a power cut would, or tells which points it reaches."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

from outcrop.crash_points import CrashPoint, watch


def kill_at(point: CrashPoint, detail: str = "", *, occasion: int = 1) -> None:
    """Lets this process end by SIGKILL at a point.

    Args:
        point: where.
        detail: on which of the point's occasions, as `trace_to` tells them.
        occasion: how many times it is reached before the kill, that time included.
    """
    count = itertools.count(1)

    def end(reached: CrashPoint, reached_detail: str) -> None:
        if (reached, reached_detail) == (point, detail) and next(count) == occasion:
            # Of the whole process at once: no handler runs, nothing is flushed.
            os.kill(os.getpid(), signal.SIGKILL)

    watch(end)


def trace_to(path: Path | str) -> None:
    """Writes a line for each point as it is reached: its label, and the detail after a blank."""

    def tell(reached: CrashPoint, detail: str) -> None:
        with Path(path).open("a") as trace:
            trace.write(f"{reached.label} {detail}".rstrip() + "\n")

    watch(tell)
