"""The data folder: used by one server at a time, and says where that server listens.

lock            held by the server's process, and freed by the system however that ends
server.json     the server's URL and process id, while it runs
sources/        links to local folders that `outcrop import DIR` offers as buckets
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from outcrop.errors import SettingError

SOURCES = "sources"
_HASH_LENGTH = 16


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other servers out of it. Raises SettingError when one is in."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingError("--data", f"{folder} cannot be written to: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingError("--data", f"another server uses {folder}: {_described(folder)}") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def announce(folder: Path, url: str, *, has_database: bool = False) -> Iterator[None]:
    """Says where the server listens, and whether its catalog is elsewhere, for the commands that look for it."""
    path = folder / "server.json"
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"url": url, "pid": os.getpid(), "has_database": has_database}) + "\n")
    temporary.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def server_url(folder: Path) -> str | None:
    """Returns the URL of the server that runs on this folder, or None."""
    found = _running(folder)
    return None if found is None else str(found["url"])


def has_database(folder: Path) -> bool:
    """Says whether a server runs on this folder whose catalog is in a database elsewhere."""
    found = _running(folder)
    return found is not None and bool(found.get("has_database"))


def _running(folder: Path) -> Mapping[str, Any] | None:
    """Returns what the server that runs on this folder announced, or None."""
    try:
        announced = json.loads((folder / "server.json").read_text())
        lock = os.open(folder / "lock", os.O_RDWR)
    except (OSError, ValueError):
        return None
    try:
        # Whoever gets the lock knows that its holder is gone, whatever the announcement says.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return cast("Mapping[str, Any]", announced)
    finally:
        os.close(lock)
    return None


def offer_folder(folder: Path, source: Path) -> str:
    """Offers a local folder as a bucket to the server on this data folder; returns the bucket's name."""
    real = source.resolve(strict=True)
    bucket = "local-" + hashlib.sha256(os.fsencode(real)).hexdigest()[:_HASH_LENGTH]
    link = folder / SOURCES / bucket
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not link.is_symlink():
        link.symlink_to(real, target_is_directory=True)
    return bucket


def _described(folder: Path) -> str:
    try:
        announced = json.loads((folder / "server.json").read_text())
        return f"process {announced['pid']} at {announced['url']}"
    except (OSError, ValueError, KeyError):
        return "it is starting or stopping"
