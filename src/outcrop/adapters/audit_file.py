"""The audit log: one JSON line for each call, appended to a file that rotation may move away at any time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

LOOK_EVERY_S = 1.0

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: json.dumps would make an encoder for each call."""


class AuditFile:
    """An open audit log. A line is written whole, so that several processes may share the file."""

    def __init__(self, path: Path, *, look_every_s: float = LOOK_EVERY_S) -> None:
        """Opens the file.

        Args:
            path: where it is.
            look_every_s: how often to look whether it was moved away.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._look_every_s = look_every_s
        self._looked_at = time.monotonic()
        self._descriptor = _open(path)

    def write(self, record: Mapping[str, Any]) -> None:
        """Appends a record. One that cannot be written is told in the log: the call has been answered already."""
        line = _encode(record).encode("utf-8", "replace") + b"\n"
        try:
            if self._was_moved():
                os.close(self._descriptor)
                self._descriptor = _open(self._path)
            os.write(self._descriptor, line)
        except OSError as error:
            log.error("audit_record_lost", path=str(self._path), reason=error.strerror, operation=record["eventName"])  # noqa: TRY400  # no trace is wanted

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def _was_moved(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at < self._look_every_s:
            return False
        self._looked_at = now
        try:
            return os.stat(self._path).st_ino != os.fstat(self._descriptor).st_ino  # noqa: PTH116  # on every call
        except FileNotFoundError:
            return True


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
