"""Vault on a local folder.

    staging/ARTIFACT/…              files that wait to be published
    staging/ARTIFACT/.uploads/ID    files that are being written
    artifacts/ARTIFACT/…            published artifacts; never changed

A file is written under a unique temporary name, preallocated, synced, and only then takes its name; publishing is one
rename. So what has a name is whole, and what is in `artifacts` is whole for good.
"""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from outcrop.adapters.local_files import has_extents, open_new, sync_file, sync_folder, take_name, translated, write_at
from outcrop.adapters.local_part import LocalPart
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import IntegrityError
from outcrop.ports import Buffer
from outcrop.records import Upload
from outcrop.tasks import in_thread

Result = TypeVar("Result")

THREADS = 16
LARGER_PARTS = 4
"""How many times as large as asked the parts of large files are: each is a request, a task, a row of the journal."""
_LEAST_PARTS = 8
"""So many parts there must be of a file with larger ones: enough for those that read it at the same time."""


class LocalVault:
    """Sealed artifacts in a folder of this machine, or of a file system that several machines mount."""

    def __init__(self, root: Path) -> None:
        self._staging = root / "staging"
        self._artifacts = root / "artifacts"
        self._turns: dict[str, threading.Lock] = {}
        """Who may write to an upload through the page cache."""
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="vault")
        with translated(root):
            self._staging.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._artifacts.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._has_extents = has_extents(self._staging)

    @asynccontextmanager
    async def create(self, artifact_id: str, path: str, size_bytes: int) -> AsyncIterator[_LocalFile]:
        """Opens a staged file of a known sealed size, anew; leaving the context without error has synced its bytes."""
        final = self._staging / artifact_id / path
        temporary = self._upload(artifact_id, uuid.uuid4().hex)
        descriptor = await self._run(lambda: open_new(temporary, size_bytes))
        try:
            try:
                yield _LocalFile(self._run, descriptor, temporary)
                await self._run(lambda: _keep(descriptor, temporary, final))
            finally:
                os.close(descriptor)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    async def begin(self, artifact_id: str, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begins a staged file anew, in a file of its full size, beside earlier uploads of the same file."""
        if size_bytes >= _LEAST_PARTS * LARGER_PARTS * part_bytes:
            part_bytes *= LARGER_PARTS
        upload = Upload(
            artifact_id=artifact_id,
            path=path,
            id=uuid.uuid4().hex,
            size_bytes=size_bytes,
            part_bytes=part_bytes,
        )

        await self._run(lambda: os.close(open_new(self._upload(artifact_id, upload.id), size_bytes)))
        reached(CrashPoint.UPLOAD_MADE)
        return upload

    async def give_up(self, upload: Upload) -> None:
        """Removes an upload that will not be finished; does nothing when there is none."""

        def remove() -> None:
            path = self._upload(upload.artifact_id, upload.id)
            with translated(path):
                path.unlink(missing_ok=True)

        await self._run(remove)
        self._turns.pop(upload.id, None)

    async def is_open(self, upload: Upload) -> bool:
        """Says whether parts may be added."""
        return await self._run(self._upload(upload.artifact_id, upload.id).is_file)

    @contextmanager
    def part(self, upload: Upload, number: int) -> Iterator[LocalPart]:
        """Opens a part for writing."""
        turn = self._turns.setdefault(upload.id, threading.Lock())
        part = LocalPart(
            self._upload(upload.artifact_id, upload.id),
            number * upload.part_bytes,
            turn=turn,
            past_cache=self._has_extents,
        )
        try:
            yield part
        finally:
            part.close()

    async def sync(self, upload: Upload) -> None:
        """Returns once the parts that were finished before are there after a power cut."""
        await self._run(lambda: sync_file(self._upload(upload.artifact_id, upload.id)))
        reached(CrashPoint.UPLOAD_SYNCED)

    async def finish(self, upload: Upload, receipts: Sequence[str]) -> None:  # noqa: ARG002  # a folder gives none
        """Gives the file its name, durably."""
        temporary = self._upload(upload.artifact_id, upload.id)
        final = self._staging / upload.artifact_id / upload.path

        def keep() -> None:
            sync_file(temporary)
            reached(CrashPoint.UPLOAD_WHOLE)
            take_name(temporary, final)

        await self._run(keep)
        self._turns.pop(upload.id, None)

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file, staged or published. Raises IntegrityError for less."""
        return await self._run(lambda: self._read(artifact_id, path, start, end))

    def reader(self, artifact_id: str, path: str) -> _LocalReader:
        """Opens a sealed file for threads that read it; blocks. Raises IntegrityError if there is none."""
        with translated(self._artifacts):
            return _LocalReader(self._open(artifact_id, path), self._artifacts, f"{path} of artifact {artifact_id}")

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes, staged or published. Raises IntegrityError if there is none."""
        return await self._run(lambda: self._size(artifact_id, path))

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent, durably; does nothing when it already is."""
        await self._run(lambda: self._publish(artifact_id))

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, staged or published, and everything of it; does nothing when there is none."""
        await self._run(lambda: self._delete(artifact_id))

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything, staged or published."""
        return await self._run(self._list)

    async def _run(self, work: Callable[[], Result]) -> Result:
        """Runs in a thread, and is over when it returns: nothing appears in an artifact that was deleted since."""
        return await in_thread(self._threads, work)

    def _upload(self, artifact_id: str, upload_id: str) -> Path:
        return self._staging / artifact_id / ".uploads" / upload_id

    def _open(self, artifact_id: str, path: str) -> int:
        for parent in (self._artifacts, self._staging):
            try:
                return os.open(parent / artifact_id / path, os.O_RDONLY)
            except FileNotFoundError:
                continue
        raise IntegrityError(f"artifact {artifact_id} has no file {path}")

    def _size(self, artifact_id: str, path: str) -> int:
        with translated(self._artifacts):
            descriptor = self._open(artifact_id, path)
            try:
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)

    def _read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        reader = self.reader(artifact_id, path)
        try:
            data = memoryview(bytearray(end - start))
            reader.read_into(start, data)
            return data
        finally:
            reader.close()

    def _publish(self, artifact_id: str) -> None:
        with translated(self._artifacts):
            # What an interrupted step left, which no file needs any more.
            shutil.rmtree(self._staging / artifact_id / ".uploads", ignore_errors=True)
            try:
                os.rename(self._staging / artifact_id, self._artifacts / artifact_id)  # noqa: PTH104  # needs the errors
            except FileNotFoundError:
                if not (self._artifacts / artifact_id).is_dir():
                    raise IntegrityError(f"there is no artifact {artifact_id} to publish") from None
            reached(CrashPoint.ARTIFACT_RENAMED)
            sync_folder(self._artifacts)
            sync_folder(self._staging)
        reached(CrashPoint.ARTIFACT_KEPT)

    def _delete(self, artifact_id: str) -> None:
        with translated(self._artifacts):
            for parent in (self._artifacts, self._staging):
                if (parent / artifact_id).is_dir():
                    # Renamed first, so that a kill in the middle leaves nothing that looks like an artifact.
                    doomed = self._staging / f".deleted-{artifact_id}-{uuid.uuid4().hex}"
                    os.rename(parent / artifact_id, doomed)  # noqa: PTH104  # as above
                    reached(CrashPoint.DOOMED_RENAMED)
                    sync_folder(parent)
                    reached(CrashPoint.DOOMED_SYNCED)
                    shutil.rmtree(doomed)
                    reached(CrashPoint.DOOMED_REMOVED)

    def _list(self) -> list[str]:
        with translated(self._artifacts):
            found = {entry.name for parent in (self._artifacts, self._staging) for entry in parent.iterdir()}
            for name in [name for name in found if name.startswith(".deleted-")]:
                shutil.rmtree(self._staging / name, ignore_errors=True)
                found.discard(name)
            return sorted(found)


class _LocalReader:
    """A sealed file that is being read."""

    def __init__(self, descriptor: int, vault: Path, name: str) -> None:
        self._descriptor = descriptor
        self._vault = vault
        self._name = name

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fills the target from an offset; blocks. Raises IntegrityError for less."""
        done = 0
        with translated(self._vault):
            while done < len(target):
                count = os.preadv(self._descriptor, [target[done:]], offset + done)
                if count == 0:
                    raise IntegrityError(f"file {self._name} is shorter than it was sealed")
                done += count

    def close(self) -> None:
        """Ends the reading."""
        os.close(self._descriptor)


class _LocalFile:
    """A staged file, still under its temporary name."""

    def __init__(self, run: Callable[[Callable[[], None]], Awaitable[None]], descriptor: int, path: Path) -> None:
        self._run = run
        self._descriptor = descriptor
        self._path = path

    async def write(self, offset: int, data: Buffer) -> None:
        """Writes at an offset; calls may overlap in time, never in range."""
        await self._run(lambda: write_at(self._descriptor, self._path, offset, data))


def _keep(descriptor: int, temporary: Path, final: Path) -> None:
    with translated(final):
        os.fsync(descriptor)
    reached(CrashPoint.FILE_SYNCED)
    take_name(temporary, final)
