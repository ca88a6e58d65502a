"""Where bytes come from and where they are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from outcrop.records import (
    SourceLocation,
    SourceObject,
    Upload,
)

Buffer = bytes | bytearray | memoryview
"""What holds bytes on its way: anything that gives its memory without a copy."""

WriteAt = Callable[[int, Buffer], None]
"""Writes at an offset in bytes; blocks. From any thread, several at once, never twice the same range."""


class ByteSink(Protocol):
    """Takes a stream of bytes into memory of its own. Used by one thread at a time."""

    def room(self) -> memoryview:
        """Returns memory for the next bytes, at least one."""
        ...

    def received(self, count: int) -> None:
        """Says that the first `count` bytes of the room that was given last are there."""
        ...


class ObjectStore(Protocol):
    """Where models come from: buckets of objects, read-only.

    Raises SourceMissingError, SourceDeniedError, SourceChangedError; UnavailableError for what may pass: throttling,
    resets, stalls, expired credentials.
    """

    def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag."""
        ...

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with what a listing does not tell: its version and stored checksum."""
        ...

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        ...

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink, in order, in one thread.

        After an error, what the sink received is good: the rest may be streamed from there. Also when it is cancelled,
        it ends only once the sink is no longer used.
        """
        ...


class VaultFile(Protocol):
    """A sealed file that is being written; nothing of it is visible until its artifact is published."""

    async def write(self, offset: int, data: Buffer) -> None:
        """Writes at an offset; calls may overlap in time, never in range."""
        ...


class Vault(Protocol):
    """Where sealed artifacts are kept. An artifact is staged file by file, then published whole, then immutable.

    Raises StorageError (full, read-only, gone) and UnavailableError (away for now).
    """

    def create(self, artifact_id: str, path: str, size_bytes: int) -> AbstractAsyncContextManager[VaultFile]:
        """Opens a small staged file of a known sealed size, anew; leaving the context without error has synced it."""
        ...

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file, staged or published. Raises IntegrityError for less."""
        ...

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes, staged or published. Raises IntegrityError if there is none."""
        ...

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent, durably; does nothing when it already is."""
        ...

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, staged or published, and everything of it; does nothing when there is none."""
        ...

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything, staged or published."""
        ...


class LocalReader(Protocol):
    """A sealed file of this machine, open for reading by several threads."""

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fills the target from an offset; blocks. Raises IntegrityError for less, and StorageError."""
        ...

    def close(self) -> None:
        """Ends the reading."""
        ...


class LocalReads(Protocol):
    """A vault whose files are files of this machine: threads read them into memory of their own."""

    def reader(self, artifact_id: str, path: str) -> LocalReader:
        """Opens a sealed file, staged or published; blocks. Raises IntegrityError if there is none, StorageError."""
        ...


class PartWriter(Protocol):
    """Writes one part of an upload, front to back."""

    def write(self, data: Buffer) -> None:
        """Writes what follows; blocks, for the thread that makes the bytes, and is done with `data` on return."""
        ...

    async def finish(self) -> str:
        """Ends the part once all of it was written; returns its receipt. May be called again after an error."""
        ...


class VaultStaging(Protocol):
    """How large files come into a vault: in parts, by several threads, so that a kill costs parts and not the file.

    Every vault is one. What is begun goes with its artifact when that is deleted. Raises what Vault raises.
    """

    async def begin(self, artifact_id: str, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begins a staged file anew, beside earlier uploads of the same file.

        Its parts are of `part_bytes`, or a multiple of it if that suits the vault better: the upload says.
        """
        ...

    async def give_up(self, upload: Upload) -> None:
        """Removes an upload that will not be finished; does nothing when there is none."""
        ...

    async def is_open(self, upload: Upload) -> bool:
        """Says whether parts may be added: not once it is finished, or was given up or deleted."""
        ...

    def part(self, upload: Upload, number: int) -> AbstractContextManager[PartWriter]:
        """Opens a part for writing, anew; other parts may be written at the same time."""
        ...

    async def sync(self, upload: Upload) -> None:
        """Returns once the parts that were finished before are there after a power cut."""
        ...

    async def finish(self, upload: Upload, receipts: Sequence[str]) -> None:
        """Gives the file its name, durably. `receipts` are those of all parts, in order."""
        ...
