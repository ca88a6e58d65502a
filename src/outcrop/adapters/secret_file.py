"""Writes a file of secrets once: whole, synced, readable by its owner only, and never over one that is there."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from outcrop.errors import SettingError

_OTHERS = 0o077


def create_once(path: Path, text: str) -> None:
    """Makes the file with this text, unless it exists: of two servers that start at once, the first one's stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: a rename would replace the other server's file.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> str:
    """Returns the file's text. Raises SettingError when others than its owner may read it."""
    if path.stat().st_mode & _OTHERS:
        raise SettingError("--data", f"{path} may be read by others; run `chmod 600 {path}`")
    return path.read_text()
