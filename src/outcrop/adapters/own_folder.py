"""Folders for what a process keeps on a disk while it runs: removed at its end, or by whoever starts after a kill.

    PARENT/NAME         the folder
    PARENT/NAME.lock    held by the process for as long as it lives; the system frees it however that ends

Several processes may share the parent, also on several machines: what a live one uses is never removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".lock"


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """Gives a new folder of this process, and sweeps those of processes that are gone. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(parent)
    folder, lock = _made(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _lock_path(folder).unlink(missing_ok=True)
        os.close(lock)


def _made(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / uuid.uuid4().hex
        lock = os.open(_lock_path(folder), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if _is_taken(lock):
            folder.mkdir(mode=0o700)
            return folder, lock
        # A sweep was faster, takes the file for one that a kill left, and removes it.
        os.close(lock)


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"*{_SUFFIX}"):
        try:
            lock = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            if _is_taken(lock):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
        finally:
            os.close(lock)


def _lock_path(folder: Path) -> Path:
    return folder.with_suffix(_SUFFIX)


def _is_taken(lock: int) -> bool:
    """Says whether this process holds the lock now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
