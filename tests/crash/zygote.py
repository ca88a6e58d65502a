"""Forks `outcrop` commands that have imported everything: a start costs a fifth of a second of processor, not one.

    zygote.py        reads commands as JSON lines from standard input, and answers each with one

What a command forks is the product as it is, begun at its `main`, with a crash point armed in it or not. Before the
first fork nothing has run here that leaves threads, locks or connections behind.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

IMPORTED = (
    "boto3",
    "dbos",
    "logging.config",
    "outcrop.adapters.keys_kms",
    "outcrop.adapters.store_s3",
    "outcrop.adapters.vault_s3",
    "outcrop.app.keys",
    "outcrop.app.logs",
    "outcrop.app.server",
    "outcrop.app.worker",
    "outcrop.artifact.rendering",
    "outcrop.cli",
    "outcrop.terminal.keys",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "tokenizers",
)

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serves until its standard input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _fork(asked) if asked["do"] == "fork" else _ended(asked["pid"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _fork(asked: dict[str, Any]) -> dict[str, Any]:
    threads = len(list(Path("/proc/self/task").iterdir()))
    pid = os.fork()
    if pid == 0:
        _become(asked)
    return {"pid": pid, "threads": threads}


def _ended(pid: int) -> dict[str, Any]:
    found, status = os.waitpid(pid, os.WNOHANG)
    return {"code": None if found == 0 else os.waitstatus_to_exitcode(status)}


def _become(asked: dict[str, Any]) -> None:
    """Runs a command in this process, and ends it."""
    code = 70
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(asked["environment"])
        _arm(asked)
        from outcrop.cli import main as run

        sys.argv = ["outcrop", *asked["arguments"]]
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  # or this process would serve as a second zygote
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arm(asked: dict[str, Any]) -> None:
    from outcrop.crash_points import CrashPoint
    from outcrop.testing import crashes

    if asked["crash"] is not None:
        crashes.kill_at(CrashPoint[asked["crash"]], asked["detail"])
    if asked["trace"] is not None:
        crashes.trace_to(asked["trace"])


if __name__ == "__main__":
    main()
