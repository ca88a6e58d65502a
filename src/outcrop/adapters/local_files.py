"""Files of this machine, made, written and named so that they are there after a power cut. Blocks: for threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import StorageError
from outcrop.ports import Buffer

WITHOUT_EXTENTS = frozenset({"tmpfs", "ramfs", "nfs", "nfs4", "cifs", "fuse", "9p"})
"""File systems whose files are not made of extents of a disk of this machine."""


def open_new(path: Path, size_bytes: int) -> int:
    """Makes a file of its full size, and returns its descriptor. Raises StorageError."""
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _take_space(descriptor, path.parent, size_bytes)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return descriptor


def write_at(descriptor: int, path: Path, offset: int, data: Buffer) -> None:
    """Writes all of `data` at an offset. Raises StorageError."""
    view = memoryview(data)
    with translated(path):
        while len(view) > 0:
            count = os.pwrite(descriptor, view, offset)
            view, offset = view[count:], offset + count


def take_name(temporary: Path, final: Path) -> None:
    """Gives a synced file its name, durably. Raises StorageError."""
    with translated(final):
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.replace(final)
        reached(CrashPoint.FILE_NAMED)
        sync_folder(final.parent)
        sync_folder(final.parent.parent)
    reached(CrashPoint.FILE_KEPT)


def sync_file(path: Path) -> None:
    """Returns once a file's bytes are there after a power cut. Raises StorageError."""
    with translated(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Returns once a folder's names are there after a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def has_extents(folder: Path) -> bool:
    """Says whether the files of a folder are extents of a disk, as far as is known."""
    return _kind(folder) not in WITHOUT_EXTENTS


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what the file system refuses into a StorageError that an operator can act on."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"the vault at {path}: {error.strerror or type(error).__name__}") from error


def _take_space(descriptor: int, folder: Path, size_bytes: int) -> None:
    """Gives a file its full size: a full disk is known now, not after an hour of copying. Raises OSError.

    A disk gives extents and writes nothing. Where there are none (tmpfs takes every page at once, glibc writes into
    each block of a network's file), what is free is looked at, and taken as it is written.
    """
    if size_bytes == 0:
        return
    if has_extents(folder):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    free = os.fstatvfs(descriptor)
    if free.f_bavail * free.f_frsize < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(descriptor, size_bytes)


def _kind(folder: Path) -> str:
    """Returns the kind of a folder's file system, such as `ext4`; empty where Linux's table of mounts is not there."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return rest.split()[0]
    return ""
