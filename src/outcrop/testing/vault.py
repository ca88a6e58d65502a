"""A vault in memory, which can be told to be full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from outcrop.errors import IntegrityError, StorageError
from outcrop.ports import Buffer
from outcrop.records import Upload


class FakeVault:
    """Vault and VaultStaging on dictionaries: artifact → path → bytes."""

    def __init__(self) -> None:
        self.staged: dict[str, dict[str, bytearray]] = {}
        self.published: dict[str, dict[str, bytearray]] = {}
        self.uploads: dict[Upload, dict[int, bytes]] = {}
        self.is_full = False
        self._begun = 0

    @asynccontextmanager
    async def create(self, artifact_id: str, path: str, size_bytes: int) -> AsyncIterator[_FakeVaultFile]:
        """Opens a staged file of a known sealed size, anew."""
        if self.is_full:
            raise StorageError("the vault is full")
        data = bytearray(size_bytes)
        yield _FakeVaultFile(data)
        self.staged.setdefault(artifact_id, {})[path] = data

    async def begin(self, artifact_id: str, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begins a staged file anew, beside earlier uploads of the same file."""
        if self.is_full:
            raise StorageError("the vault is full")
        self._begun += 1
        upload = Upload(
            artifact_id=artifact_id, path=path, id=f"u{self._begun}", size_bytes=size_bytes, part_bytes=part_bytes
        )
        self.uploads[upload] = {}
        return upload

    async def give_up(self, upload: Upload) -> None:
        """Removes an upload that will not be finished."""
        self.uploads.pop(upload, None)

    async def is_open(self, upload: Upload) -> bool:
        """Says whether parts may be added."""
        return upload in self.uploads

    @contextmanager
    def part(self, upload: Upload, number: int) -> Iterator[_FakePart]:
        """Opens a part for writing, anew."""
        yield _FakePart(self, upload, number)

    async def sync(self, upload: Upload) -> None:
        """Memory has no power cuts."""

    async def finish(self, upload: Upload, receipts: Sequence[str]) -> None:
        """Gives the file its name. Raises IntegrityError for parts that are not there."""
        parts = self.uploads[upload]
        whole = bytearray().join(parts.get(number, b"") for number in range(len(receipts)))
        if len(whole) != upload.size_bytes or list(receipts) != [f"r{number}" for number in range(len(receipts))]:
            raise IntegrityError(f"file {upload.path} of artifact {upload.artifact_id} is not whole")
        del self.uploads[upload]
        self.staged.setdefault(upload.artifact_id, {})[upload.path] = whole

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file. Raises IntegrityError for less."""
        data = self._file(artifact_id, path)
        if end > len(data):
            raise IntegrityError(f"file {path} of artifact {artifact_id} is shorter than it was sealed")
        return bytes(data[start:end])

    def reader(self, artifact_id: str, path: str) -> _FakeReader:
        """Opens a sealed file for threads that read it."""
        return _FakeReader(bytes(self._file(artifact_id, path)))

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes."""
        return len(self._file(artifact_id, path))

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent; does nothing when it already is."""
        if artifact_id in self.staged:
            self.published[artifact_id] = self.staged.pop(artifact_id)
            self._give_up(artifact_id)
        elif artifact_id not in self.published:
            raise IntegrityError(f"there is no artifact {artifact_id} to publish")

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, staged or published; does nothing when there is none."""
        self.staged.pop(artifact_id, None)
        self.published.pop(artifact_id, None)
        self._give_up(artifact_id)

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything."""
        return sorted({*self.staged, *self.published, *(upload.artifact_id for upload in self.uploads)})

    def _give_up(self, artifact_id: str) -> None:
        for upload in [upload for upload in self.uploads if upload.artifact_id == artifact_id]:
            del self.uploads[upload]

    def _file(self, artifact_id: str, path: str) -> bytearray:
        for files in (self.published.get(artifact_id, {}), self.staged.get(artifact_id, {})):
            if path in files:
                return files[path]
        raise IntegrityError(f"artifact {artifact_id} has no file {path}")


class _FakeVaultFile:
    def __init__(self, data: bytearray) -> None:
        self._data = data

    async def write(self, offset: int, data: Buffer) -> None:
        """Writes at an offset."""
        self._data[offset : offset + len(data)] = data


class _FakePart:
    def __init__(self, vault: FakeVault, upload: Upload, number: int) -> None:
        self._vault = vault
        self._upload = upload
        self._number = number
        self._data = b""

    def write(self, data: Buffer) -> None:
        """Writes what follows."""
        if self._vault.is_full:
            raise StorageError("the vault is full")
        self._data += data

    async def finish(self) -> str:
        """Ends the part."""
        self._vault.uploads[self._upload][self._number] = self._data
        return f"r{self._number}"


class _FakeReader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fills the target from an offset. Raises IntegrityError for less."""
        if offset + len(target) > len(self._data):
            raise IntegrityError("the file is shorter than it was sealed")
        target[:] = self._data[offset : offset + len(target)]

    def close(self) -> None:
        """Ends the reading."""
