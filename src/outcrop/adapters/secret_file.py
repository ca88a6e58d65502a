"""Files of secrets: whole, synced, readable by their owner only; made once, and changed by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import SettingError

_OTHERS = 0o077


def create_once(path: Path, text: str) -> None:
    """Makes the file with this text, unless it exists: of two servers that start at once, the first one's stays."""
    if path.exists() and not _left_of(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(path):
        if path.exists():
            return
        _written(path, text).replace(path)
        reached(CrashPoint.SECRET_MADE, path.name)
        _sync_folder(path.parent)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[Callable[[str], None]]:
    """Keeps other processes from changing the file meanwhile, and gives what replaces it, durably."""

    def write(text: str) -> None:
        _written(path, text).replace(path)
        reached(CrashPoint.SECRET_REPLACED, path.name)
        _sync_folder(path.parent)

    with _alone(path):
        yield write


def read_private(path: Path) -> str:
    """Returns the file's text. Raises SettingError when others than its owner may read it."""
    if path.stat().st_mode & _OTHERS:
        raise SettingError("--data", f"{path} may be read by others; run `chmod 600 {path}`")
    return path.read_text()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lets one process at a time make or change the file, and removes what a kill left of an earlier change.

    The lock is a file beside it: the file itself is replaced, and a lock on what was replaced keeps nobody out.
    """
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in _left_of(path):
            left.unlink()
        yield
    finally:
        os.close(descriptor)


def _left_of(path: Path) -> list[Path]:
    """Lists temporary files: of the process that is alone with the file, or of one that was killed."""
    return list(path.parent.glob(f".{path.name}.*"))


def _written(path: Path, text: str) -> Path:
    """Writes a temporary file beside the path, synced, and returns where it is."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink()
        raise
    reached(CrashPoint.SECRET_WRITTEN, path.name)
    return temporary


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
