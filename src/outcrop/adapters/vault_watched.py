"""A vault that tells somebody when an artifact goes, so that what was kept for it elsewhere goes too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from outcrop.ports import Buffer, Vault, VaultFile


class WatchedVault:
    """The Vault of another one."""

    def __init__(self, vault: Vault, *, deleted: Callable[[str], Awaitable[None]]) -> None:
        """Keeps both.

        Args:
            vault: what holds the artifacts.
            deleted: is told the id of each artifact that is to be removed, before it is.
        """
        self._vault = vault
        self._deleted = deleted

    def create(self, artifact_id: str, path: str, size_bytes: int) -> AbstractAsyncContextManager[VaultFile]:
        """Opens a small staged file."""
        return self._vault.create(artifact_id, path, size_bytes)

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns a range of a sealed file."""
        return await self._vault.read(artifact_id, path, start, end)

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes."""
        return await self._vault.size(artifact_id, path)

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent."""
        await self._vault.publish(artifact_id)

    async def delete(self, artifact_id: str) -> None:
        """Tells of it, and removes an artifact."""
        await self._deleted(artifact_id)
        await self._vault.delete(artifact_id)

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts."""
        return await self._vault.artifact_ids()
