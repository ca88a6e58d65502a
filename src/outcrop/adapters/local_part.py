"""One part of a file in a local folder, written past the page cache where the file system lets it.

A page that goes through the cache is allocated, filled, looked for by the kernel's writer and waited for by the sync:
five times what the disk takes, and fifteen times the processor's time (decision 0043). O_DIRECT wants offset, length
and memory in whole blocks. What is not goes through the cache: a file's last bytes, memory that begins anywhere, and
all of it where O_DIRECT is refused.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from outcrop.adapters.local_files import translated, write_at
from outcrop.ports import Buffer

BLOCK_BYTES = 4096
"""What O_DIRECT takes. Devices of larger blocks refuse it, and get their bytes through the cache."""
_REFUSALS = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
_DIRECT: int | None = getattr(os, "O_DIRECT", None)


def whole_blocks(offset: int, size_bytes: int) -> tuple[int, int]:
    """Returns what part of `size_bytes` at an offset are whole blocks: begin and end, counted from the offset. Pure.

    Both are 0 where there are none.
    """
    begin = -offset % BLOCK_BYTES
    end = begin + (size_bytes - begin) // BLOCK_BYTES * BLOCK_BYTES
    return (begin, end) if end > begin else (0, 0)


class LocalPart:
    """A PartWriter. What was written is there after a power cut once the file was synced, whichever way it went."""

    def __init__(self, path: Path, offset: int, *, turn: threading.Lock, past_cache: bool) -> None:
        """Keeps where the part lies.

        Args:
            path: the file, of its full size.
            offset: where the part begins, in bytes.
            turn: who may write through the cache. The kernel lets one in at a time, and those that wait there spin:
                with 14 threads and two cores, that took as much of the processors as the whole copy.
            past_cache: whether to try to write past the page cache.
        """
        self._path = path
        self._offset = offset
        self._turn = turn
        self._past_cache = past_cache and _DIRECT is not None
        self._cached: int | None = None
        self._direct: int | None = None

    def write(self, data: Buffer) -> None:
        """Writes what follows. Opens the file here, in the writer's thread: even that may take its time."""
        view = memoryview(data)
        with translated(self._path):
            if self._cached is None:
                self._open()
            begin, end = whole_blocks(self._offset, len(view)) if self._past_cache else (0, 0)
            written = self._write_direct(view[begin:end], self._offset + begin)
        self._write_cached(view[:begin], self._offset)
        self._write_cached(view[begin + written :], self._offset + begin + written)
        self._offset += len(view)

    async def finish(self) -> str:
        """Ends the part; a file needs no receipt."""
        return ""

    def close(self) -> None:
        """Closes the file."""
        for descriptor in (self._cached, self._direct):
            if descriptor is not None:
                os.close(descriptor)
        self._cached = self._direct = None

    def _open(self) -> None:
        self._cached = os.open(self._path, os.O_WRONLY)
        if self._past_cache and _DIRECT is not None:
            try:
                self._direct = os.open(self._path, os.O_WRONLY | _DIRECT)
            except OSError as error:
                if error.errno not in _REFUSALS:
                    raise
                self._past_cache = False

    def _write_direct(self, blocks: memoryview, offset: int) -> int:
        """Writes whole blocks, or as many as the kernel takes this way; returns how many bytes. Raises OSError."""
        done = 0
        while self._direct is not None and done < len(blocks) and done % BLOCK_BYTES == 0:
            try:
                done += os.pwrite(self._direct, blocks[done:], offset + done)
            except OSError as error:
                if error.errno not in _REFUSALS:
                    raise
                break  # this memory is not aligned, or the device has larger blocks
        return done

    def _write_cached(self, data: memoryview, offset: int) -> None:
        if len(data) and self._cached is not None:
            with self._turn:
                write_at(self._cached, self._path, offset, data)
