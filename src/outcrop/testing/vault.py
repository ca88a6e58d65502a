"""A vault in memory, which can be told to be full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from outcrop.errors import IntegrityError, StorageError
from outcrop.ports import Buffer


class FakeVault:
    """Vault on dictionaries: artifact → path → bytes."""

    def __init__(self) -> None:
        self.staged: dict[str, dict[str, bytearray]] = {}
        self.published: dict[str, dict[str, bytearray]] = {}
        self.is_full = False

    @asynccontextmanager
    async def create(self, artifact_id: str, path: str, size_bytes: int) -> AsyncIterator[_FakeVaultFile]:
        """Opens a staged file of a known sealed size, anew."""
        if self.is_full:
            raise StorageError("the vault is full")
        data = bytearray(size_bytes)
        yield _FakeVaultFile(data)
        self.staged.setdefault(artifact_id, {})[path] = data

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file. Raises IntegrityError for less."""
        data = self._file(artifact_id, path)
        if end > len(data):
            raise IntegrityError(f"file {path} of artifact {artifact_id} is shorter than it was sealed")
        return bytes(data[start:end])

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes."""
        return len(self._file(artifact_id, path))

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent; does nothing when it already is."""
        if artifact_id in self.staged:
            self.published[artifact_id] = self.staged.pop(artifact_id)
        elif artifact_id not in self.published:
            raise IntegrityError(f"there is no artifact {artifact_id} to publish")

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, staged or published; does nothing when there is none."""
        self.staged.pop(artifact_id, None)
        self.published.pop(artifact_id, None)

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything."""
        return sorted({*self.staged, *self.published})

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
