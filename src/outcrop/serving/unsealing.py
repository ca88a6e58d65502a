"""Opens an artifact for reading: its key, its manifest, and its files, unsealed by as many threads as there are cores.

    vault ──read──▶ segment ──open──▶ segment ──write──▶ where the caller keeps plaintext

Both segments are memory of the thread, 1 MiB, used again and again: they stay in its core's cache. Nothing is written
that was not authenticated.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from outcrop.artifact import envelope, keywrap
from outcrop.artifact.engine_files import engine_files, read_first, read_next
from outcrop.artifact.manifest import MANIFEST_PATH, Manifest, ManifestFile, associated_data, file_path
from outcrop.errors import IntegrityError
from outcrop.ports import Buffer, KeyService, LocalReads, Vault, WriteAt
from outcrop.records import ServableModel
from outcrop.tasks import Tasks, in_thread

PARALLEL_RUNS = 8
"""Runs of one artifact that are on their way at once. With a vault that is elsewhere, each is 8 MiB of memory."""


class _Scratch(threading.local):
    """A thread's own memory for a segment."""

    def __init__(self) -> None:
        self.sealed = memoryview(bytearray(envelope.SEGMENT_BYTES))
        self.plain = memoryview(bytearray(envelope.SEGMENT_BYTES))


_scratch = _Scratch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What artifacts are read with."""

    vault: Vault
    keys: KeyService
    threads: Executor
    thread_count: int
    """How many threads that is: as many as there are cores."""
    local: LocalReads | None
    """The vault again, where its files are files of this machine."""


class OpenArtifact:
    """An artifact whose manifest was authenticated, and the key to its files. Lives in memory only."""

    def __init__(
        self, manifest: Manifest, reading: Reading, data_key: bytes, *, added: Mapping[str, bytes] | None = None
    ) -> None:
        self.manifest = manifest
        self._reading = reading
        self._data_key = data_key
        self._added = added or {}
        """Files that an engine needs, and the model does not have, or has otherwise."""
        self._places = asyncio.Semaphore(PARALLEL_RUNS)

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path and plaintext size in bytes of each file that an engine is to see."""
        own = [(file.path, file.size_bytes) for file in self.manifest.files if file.path not in self._added]
        return own + [(path, len(data)) for path, data in self._added.items()]

    async def unseal(self, path: str, write: WriteAt) -> None:
        """Writes a whole file, in pieces of any order and from several threads; all is written when this ends.

        Raises:
            IntegrityError, StorageError, UnavailableError: the file is not what was sealed, or cannot be read.
        """
        if path in self._added:
            write(0, self._added[path])
            return
        file = self._file(path)
        sealed = await self._open_file(file)
        local = self._reading.local
        if local is None:
            await self._each_run(file, lambda run: self._fetch_and_open(file, sealed, run, write))
            return
        reader = await in_thread(
            self._reading.threads, lambda: local.reader(self.manifest.artifact_id, file_path(path))
        )
        segments = _into_scratch(reader.read_into)
        try:
            await self._share_runs(file, lambda run: _open_run(sealed, run, segments, write))
        finally:
            reader.close()

    async def read(self, path: str) -> bytes:
        """Returns a small file whole. Raises as `unseal` does."""
        data = bytearray(dict(self.files)[path])

        def write(offset: int, piece: Buffer) -> None:
            data[offset : offset + len(piece)] = piece

        await self.unseal(path, write)
        return bytes(data)

    def _file(self, path: str) -> ManifestFile:
        found = next((file for file in self.manifest.files if file.path == path), None)
        if found is None:
            raise IntegrityError(f"artifact {self.manifest.artifact_id} has no file {path}")
        return found

    async def _open_file(self, file: ManifestFile) -> envelope.SealedFile:
        """Reads a file's header and derives its key."""
        artifact_id, stored = self.manifest.artifact_id, file_path(file.path)
        header = await self._reading.vault.read(artifact_id, stored, 0, envelope.HEADER_BYTES)
        if bytes(header) != file.header:
            raise IntegrityError(f"{file.path} in the vault is not the file that the manifest lists")
        return envelope.SealedFile(
            data_key=self._data_key,
            associated_data=associated_data(artifact_id, stored),
            plain_bytes=file.size_bytes,
            header=bytes(header),
        )

    async def _share_runs(self, file: ManifestFile, work: Callable[[envelope.Run], None]) -> None:
        """Lets every thread take the next run until there are none: an event loop's turn for each would cost 5 %."""
        runs = envelope.runs(file.size_bytes, file.run_segments)
        waiting, is_over = SimpleQueue[envelope.Run](), threading.Event()
        for run in runs:
            waiting.put(run)

        def take() -> None:
            with suppress(Empty):
                while not is_over.is_set():
                    work(waiting.get_nowait())

        async with Tasks() as tasks:
            for _ in range(min(len(runs), self._reading.thread_count)):
                tasks.create_task(in_thread(self._reading.threads, take, give_up=is_over.set))

    async def _each_run(self, file: ManifestFile, work: Callable[[envelope.Run], Awaitable[None]]) -> None:
        async def one(run: envelope.Run) -> None:
            await work(run)

        async with Tasks() as tasks:
            for run in envelope.runs(file.size_bytes, file.run_segments):
                await self._places.acquire()
                # Given back by the task's end: one that is cancelled before it began gives it back too.
                tasks.create_task(one(run)).add_done_callback(lambda _: self._places.release())

    async def _fetch_and_open(
        self, file: ManifestFile, sealed: envelope.SealedFile, run: envelope.Run, write: WriteAt
    ) -> None:
        """Reads a run at once, since each read is a request; what is opened stays in the thread's memory."""
        data = memoryview(
            await self._reading.vault.read(
                self.manifest.artifact_id, file_path(file.path), run.sealed_begin, run.sealed_begin + run.sealed_bytes
            )
        )

        def piece(offset: int, size_bytes: int) -> Buffer:
            return data[offset - run.sealed_begin : offset - run.sealed_begin + size_bytes]

        await in_thread(self._reading.threads, lambda: _open_run(sealed, run, piece, write))


_Segments = Callable[[int, int], Buffer]
"""From offset and size in the sealed file to the ciphertext there."""


def _open_run(sealed: envelope.SealedFile, run: envelope.Run, segments: _Segments, write: WriteAt) -> None:
    """Opens and writes a run, a segment at a time. Blocks. Raises IntegrityError, and what the others raise."""
    for segment in run.segments():
        plaintext = _scratch.plain[: segment.plain_bytes]
        sealed.open(segment, segments(segment.sealed_begin, segment.sealed_bytes), plaintext)
        write(segment.plain_begin, plaintext)


def _into_scratch(read_into: Callable[[int, memoryview], None]) -> _Segments:
    def segment(offset: int, size_bytes: int) -> Buffer:
        target = _scratch.sealed[:size_bytes]
        read_into(offset, target)
        return target

    return segment


async def open_artifact(model: ServableModel, reading: Reading) -> OpenArtifact:
    """Unwraps a model's key, and opens and authenticates the manifest of its artifact.

    Raises:
        KeyUnavailableError: the key service does not give the key.
        IntegrityError: what the vault holds is not what the model was published with.
        StorageError, UnavailableError: the vault or the key service is out of order, or away.
    """
    ref = model.artifact
    wrapping_key = await reading.keys.unwrap(
        ref.key_arn, keywrap.wrapped_wrapping_key(ref.wrapped_key), keywrap.encryption_context(model.arn)
    )
    data_key = keywrap.unwrap(wrapped=ref.wrapped_key, wrapping_key=wrapping_key, artifact_id=ref.artifact_id)
    size = await reading.vault.size(ref.artifact_id, MANIFEST_PATH)
    sealed = await reading.vault.read(ref.artifact_id, MANIFEST_PATH, 0, size)
    data = envelope.open_bytes(
        data_key=data_key,
        associated_data=associated_data(ref.artifact_id, MANIFEST_PATH),
        sealed=bytes(sealed),
    )
    manifest = Manifest.decode(data, sha256=ref.manifest_sha256)
    added = await _added_files(OpenArtifact(manifest, reading, data_key))
    return OpenArtifact(manifest, reading, data_key, added=added)


async def _added_files(artifact: OpenArtifact) -> Mapping[str, bytes]:
    paths = [path for path, _ in artifact.files]
    contents = {path: await artifact.read(path) for path in read_first(paths)}
    contents |= {path: await artifact.read(path) for path in read_next(paths, contents)}
    return engine_files(paths, contents)
