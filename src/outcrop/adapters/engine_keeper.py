"""Keeps one engine: runs it, keeps its output, and ends it and all that it started when told to or when left alone.

Run as a script by adapters/engine_process.py, in a session of its own, under `python -I -S`; it imports the standard
library only, and little of that, since each engine has a keeper.

    outcrop ──leash──▶ keeper ──▶ engine ──▶ its workers
                          ◀──────output─────────┘

The leash is standard input: it ends when Outcrop closes it, and also when Outcrop dies, even of SIGKILL, whichever
thread started the engine. (PR_SET_PDEATHSIG alone would follow the thread, and would not reach the engine's workers.)
The keeper adopts workers that lose their parent, so none is missed. Should the keeper itself be killed, the kernel
kills the engine: PR_SET_PDEATHSIG is set between fork and exec, which is safe here, because the keeper has one thread.

    engine_keeper.py GRACE_S LOG LOG_LIMIT_BYTES PROGRAM ARGUMENT…
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

LEASH = 0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CHUNK_BYTES = 1 << 16
ORPHANS_GRACE_S = 1.0
"""How long workers may take to end that an engine left when it ended by itself: they have nobody to work for."""
NOT_RUN_STATUS = 127
"""What shells exit with when a program cannot be run."""
KILLED_STATUS = 128
"""What shells add to the number of the signal that ended a program."""


class Log:
    """The engine's output on disk: one file that is set aside as `.1` when it is full, and at the start."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._begin()

    def write(self, data: bytes) -> None:
        """Keeps output. A full disk loses output, never the engine."""
        try:
            if self._size_bytes + len(data) > self._limit_bytes:
                os.close(self._file)
                self._begin()
            self._size_bytes += os.write(self._file, data)
        except OSError:
            return

    def _begin(self) -> None:
        if os.path.exists(self._path):  # noqa: PTH110  # pathlib would double the keeper's start-up
            os.replace(self._path, f"{self._path}.1")  # noqa: PTH105  # as above
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size_bytes = 0


class Keeper:
    """One engine, and the news that its keeper waits for: the leash, the engine's output, and dead children."""

    def __init__(self, *, grace_s: float, log: Log, command: list[str]) -> None:
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)  # the group gets signals: it must hold nobody else
        self._grace_s = grace_s
        self._log = log
        self._status: int | None = None
        self._deaths, wake = os.pipe()
        os.set_blocking(self._deaths, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)
        # SIGTERM goes to the whole group, the keeper too. Unlike SIG_IGN, a handler is not inherited by the engine.
        signal.signal(signal.SIGTERM, _ignore)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._output, output_end = os.pipe()
        os.set_blocking(self._output, False)
        self._engine = _spawn(command, output_end)
        os.close(output_end)

    def run(self) -> int:
        """Waits for the end of the engine or of the leash, ends what is left, and returns the status to exit with."""
        while self._status is None and not self._wait(None, watches_leash=True):
            self._bury()
        os.killpg(0, signal.SIGTERM)
        grace_s = self._grace_s if self._status is None else min(self._grace_s, ORPHANS_GRACE_S)
        deadline = time.monotonic() + grace_s
        while self._bury():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                _kill_children()
            self._wait(max(left_s, 0.01), watches_leash=False)
        self._keep_output()
        return NOT_RUN_STATUS if self._status is None else self._status

    def _wait(self, timeout_s: float | None, *, watches_leash: bool) -> bool:
        """Waits for news and keeps the output; returns whether the leash has ended."""
        sources = [self._deaths, *([self._output] if self._output >= 0 else []), *([LEASH] if watches_leash else [])]
        news = select.select(sources, [], [], timeout_s)[0]
        if self._deaths in news:
            os.read(self._deaths, CHUNK_BYTES)
        if self._output in news:
            self._keep_output()
        return LEASH in news and not os.read(LEASH, CHUNK_BYTES)

    def _keep_output(self) -> None:
        try:
            while self._output >= 0:
                data = os.read(self._output, CHUNK_BYTES)
                if data:
                    self._log.write(data)
                else:
                    os.close(self._output)
                    self._output = -1
        except BlockingIOError:
            return

    def _bury(self) -> bool:
        """Takes the status of children that died; returns whether others live."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._engine:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else KILLED_STATUS - code


def _spawn(command: list[str], output: int) -> int:
    """Starts the engine, which dies with this process; returns its process id."""
    keeper = os.getpid()
    # Until its own handling is set, the engine would take a SIGTERM as the keeper does: not at all.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return pid
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored stays so across exec
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:  # else the keeper died before the line above
            os.execv(command[0], command)  # noqa: S606  # no shell is what we want
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_RUN_STATUS)


def _kill_children() -> None:
    """Kills every child, also those that left the group; their orphans become children and are met at the next call."""
    if sys.platform != "linux":
        os.killpg(0, signal.SIGKILL)
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208  # see Log
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123  # see Log
                parent = int(stat.read().rpartition(b")")[2].split()[1])
            if parent == os.getpid():
                os.kill(int(pid), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _ignore(*_: object) -> None:
    """Lets a signal wake `select`, and do nothing else."""


def main() -> int:
    """Keeps the engine that the arguments name."""
    grace_s, log, log_limit_bytes, *command = sys.argv[1:]
    return Keeper(grace_s=float(grace_s), log=Log(log, int(log_limit_bytes)), command=command).run()


if __name__ == "__main__":
    sys.exit(main())
