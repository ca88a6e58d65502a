"""Plaintext model files in anonymous memory: they never touch a disk, and vanish with the process.

Each file is a memfd; an engine opens it through a folder of links to `/proc/PID/fd/N`. Once written, a file is sealed:
nobody can change it, not even its owner. What a process that was killed leaves behind is a folder of dead links.

Where the platform has no memfd, the files are real ones, if a folder was named that may hold plaintext.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from outcrop.adapters.memory_limits import available_bytes
from outcrop.errors import NotEnoughMemoryError, StorageError
from outcrop.ports import Buffer, WriteAt
from outcrop.tasks import Tasks

PARALLEL_FILES = 8
F_SEAL_FUTURE_WRITE = 0x10
"""<linux/fcntl.h>, Linux 5.1. Nobody can write from now on, as with F_SEAL_WRITE, which also looks at every page for a
mapping that somebody may write to: 20 ms a GiB. There are none."""

Fill = Callable[[str, WriteAt], Awaitable[None]]
"""Writes the whole of a file, given by its path within the model, and is done with it when it ends, however it does."""

NewMemory = Callable[[str, int], int]
"""Makes an anonymous file of a name (for people who debug) and flags, and returns its descriptor."""

memfd_create: NewMemory | None = getattr(os, "memfd_create", None)


class MemoryFiles:
    """Makes folders whose files are in memory only."""

    def __init__(
        self,
        *,
        run_dir: Path,
        plaintext_dir: Path | None = None,
        new_memory: NewMemory | None = memfd_create,
        available: Callable[[], int | None] = available_bytes,
    ) -> None:
        """Keeps how files are made.

        Args:
            run_dir: where the folders of links are made.
            plaintext_dir: where real files may be made if the platform has no memory files; None: nowhere.
            new_memory: makes a memory file; None on platforms without.
            available: tells how many bytes of memory can be taken; None if unknown.
        """
        self._run_dir = run_dir.absolute()
        self._plaintext_dir = plaintext_dir
        self._new_memory = new_memory
        self._available = available
        self._promised_bytes = 0
        """Memory that was found available for files that are still being written."""

    @asynccontextmanager
    async def folder(self, files: Sequence[tuple[str, int]], fill: Fill) -> AsyncIterator[Path]:
        """Gives a folder that holds the files, each filled by `fill`; all of it is freed at the end.

        Args:
            files: path within the model, and size in bytes, of each.
            fill: fills a file.

        Raises:
            StorageError: there is not enough memory, or no place for plaintext on this platform.
        """
        with _as_storage_error():
            folder = await asyncio.to_thread(self._make_folder)
        descriptors: list[int] = []
        places = asyncio.Semaphore(PARALLEL_FILES)

        async def make(path: str, size_bytes: int) -> None:
            async with places:
                with _as_storage_error():
                    descriptor = self._new_file(_within(folder, path), descriptors)
                    self._size(descriptor, size_bytes)
                # Written, not mapped: a page of a new mapping costs a fault, more than copying it does (decision 0027).
                await fill(path, partial(_write_at, descriptor))
                if self._new_memory is not None:
                    _seal(descriptor)

        try:
            with self._promise(sum(size_bytes for _, size_bytes in files)):
                async with Tasks() as tasks:
                    for path, size_bytes in files:
                        tasks.create_task(make(path, size_bytes))
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(_free, descriptors, folder))

    def _make_folder(self) -> Path:
        parent = self._run_dir if self._new_memory is not None else self._plaintext_dir
        if parent is None:
            raise StorageError(
                "this platform has no anonymous memory files (memfd); set --plaintext-dir to the folder that may hold "
                "plaintext weights while an engine loads them"
            )
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="model-", dir=parent))

    def _new_file(self, place: Path, descriptors: list[int]) -> int:
        """Makes an empty file at a place, and returns its descriptor, which is also added to those to be closed."""
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._new_memory is None:
            descriptors.append(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        else:
            descriptors.append(self._new_memory("outcrop", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
            place.symlink_to(f"/proc/{os.getpid()}/fd/{descriptors[-1]}")
        return descriptors[-1]

    def _size(self, descriptor: int, size_bytes: int) -> None:
        """Gives a file its final size. On a disk it takes the space now: running out later would end the process."""
        if self._new_memory is None and size_bytes:
            os.posix_fallocate(descriptor, 0, size_bytes)
        else:
            os.ftruncate(descriptor, size_bytes)

    @contextmanager
    def _promise(self, needed_bytes: int) -> Iterator[None]:
        """Holds memory that is about to be written. Raises StorageError when there is not enough."""
        available = self._available() if self._new_memory is not None else None
        if available is not None and needed_bytes > available - self._promised_bytes:
            raise NotEnoughMemoryError(
                needed_bytes=needed_bytes, available_bytes=max(0, available - self._promised_bytes)
            )
        self._promised_bytes += needed_bytes
        try:
            yield
        finally:
            self._promised_bytes -= needed_bytes


def _write_at(descriptor: int, offset: int, data: Buffer) -> None:
    view = memoryview(data)
    with _as_storage_error():
        while len(view) > 0:
            count = os.pwrite(descriptor, view, offset)
            view, offset = view[count:], offset + count


def _seal(descriptor: int) -> None:
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    try:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals | F_SEAL_FUTURE_WRITE)
    except OSError:  # a kernel that does not know it, such as gVisor's
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_WRITE)


def _within(folder: Path, path: str) -> Path:
    """Returns where a file of the model lies in a folder. Raises StorageError for a path that leads out of it."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise StorageError(f"the model holds a file whose path leads out of it: {path!r}")
    return folder.joinpath(*parts)


def _free(descriptors: Sequence[int], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for descriptor in descriptors:
        os.close(descriptor)


@contextmanager
def _as_storage_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the model's files cannot be made in memory: {error.strerror}") from error
