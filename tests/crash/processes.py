"""Processes of `outcrop` that a test forks, kills and waits for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outcrop.crash_points import CrashPoint

DEADLINE_S = 120.0
"""For everything that is waited for: how long it takes says how busy the machine is, and decides nothing."""
POLL_S = 0.01
COSTLY_POLL_S = 0.05
"""For what takes milliseconds of processor to look at: requests, queries, the list of all processes."""


def await_that(holds: Callable[[], Any], what: Callable[[], str], *, poll_s: float = POLL_S) -> Any:
    """Returns the first true value of `holds`. Raises TimeoutError with what is said to be missing."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(what())
        time.sleep(poll_s)
    return found


class Forked:
    """A process that the zygote forked."""

    def __init__(self, zygote: Zygote, pid: int, log: Path) -> None:
        self._zygote = zygote
        self._code: int | None = None
        self.pid = pid
        self.log = log

    @property
    def code(self) -> int | None:
        """How it ended: its exit status, or minus the signal; None while it runs."""
        if self._code is None:
            self._code = self._zygote.ask({"do": "wait", "pid": self.pid})["code"]
        return self._code

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Sends a signal, unless it has ended, and returns how it ended."""
        if self.code is None:
            os.kill(self.pid, number)
        return self.ended()

    def ended(self) -> int:
        """Waits for its end and returns how it ended."""
        await_that(lambda: self.code is not None, lambda: f"process {self.pid} did not end:\n{self.log.read_text()}")
        if self.code is None:
            raise AssertionError
        return self.code


class Zygote:
    """A process that has imported Outcrop and forks commands of it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(
        self,
        *arguments: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
        crash: tuple[CrashPoint, str] | None = None,
        trace: Path | None = None,
    ) -> Forked:
        """Starts `outcrop ARGUMENTS`, to be killed at a crash point if one is given."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
        answer = self.ask(
            {
                "do": "fork",
                "arguments": arguments,
                "log": str(log),
                "environment": {**inherited, **(environment or {})},
                "crash": None if crash is None else crash[0].name,
                "detail": "" if crash is None else crash[1],
                "trace": None if trace is None else str(trace),
            }
        )
        # Threads of the zygote would be lost in what it forks, with the locks that they hold.
        assert answer["threads"] == 1
        return Forked(self, answer["pid"], log)

    def ask(self, what: Mapping[str, Any]) -> dict[str, Any]:
        """Asks the process for something."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError
        with self._turn:
            stdin.write(json.dumps(what) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

    def close(self) -> None:
        """Ends it; what it forked ends with it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(DEADLINE_S)


@contextmanager
def zygote() -> Iterator[Zygote]:
    """Runs a zygote."""
    made = Zygote()
    try:
        yield made
    finally:
        made.close()


def processes_of(folder: Path) -> Sequence[str]:
    """Returns the command lines of the processes that name a folder, or work within it: engines and their keepers."""
    return list(_processes(folder).values())


def pids_of(folder: Path) -> Sequence[int]:
    """Returns the ids of the processes that name a folder, or work within it."""
    return list(_processes(folder))


def _processes(folder: Path) -> Mapping[int, str]:
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue  # it has ended, or is not ours
        if line and (str(folder) in line or place.startswith(str(folder))):
            found[int(process.name)] = line
    return found
