"""The check stage's reading: the small files and the weights' headers of a listed model, all at once, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from outcrop.artifact.contents import SNIFF_BYTES
from outcrop.artifact.snapshot import MOST_HEADER_BYTES, ModelSnapshot, header_end, plan_reading, weights_of
from outcrop.errors import SourceUnreadableError
from outcrop.ports import ObjectStore
from outcrop.records import SourceObject
from outcrop.tasks import Tasks

READS_AT_ONCE = 128
"""Enough that 200 shards at 50 ms a request take two rounds; few enough that their first reads take 8 MiB."""


async def inspect(store: ObjectStore, objects: Sequence[SourceObject], prefix: str) -> ModelSnapshot:
    """Reads what the rules need of a model.

    Args:
        store: where it lies.
        objects: everything that was listed under the prefix, pinned.
        prefix: the key prefix that paths are relative to; empty, or ending in a slash.

    Raises:
        SourceMissingError, SourceDeniedError, SourceChangedError: an object cannot be read as it was listed.
        UnavailableError: the store is away.
    """
    return await _Inspection(store, objects, prefix).snapshot()


class _Inspection:
    """One reading."""

    def __init__(self, store: ObjectStore, objects: Sequence[SourceObject], prefix: str) -> None:
        self._store = store
        self._objects = {source.key.removeprefix(prefix): source for source in objects}
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._contents: dict[str, bytes] = {}
        self._heads: dict[str, bytes] = {}
        self._present: dict[str, int] = {}
        self._unreadable: dict[str, str] = {}
        self._header_bytes = 0

    async def snapshot(self) -> ModelSnapshot:
        sizes = {path: source.size_bytes for path, source in self._objects.items()}
        plan = plan_reading(sizes)
        weights = frozenset(weights_of(sizes))
        async with Tasks() as tasks:
            for path in plan.whole:
                tasks.create_task(self._read_whole(path))
            for path, length in plan.beginnings.items():
                read = self._read_header if path in weights else self._read_beginning
                tasks.create_task(read(path, length))
        return ModelSnapshot(
            sizes=sizes,
            contents=self._contents,
            heads=self._heads,
            present=self._present,
            unreadable=self._unreadable,
        )

    async def _read_whole(self, path: str) -> None:
        self._contents[path] = await self._read(path, 0, self._objects[path].size_bytes)

    async def _read_beginning(self, path: str, length: int) -> None:
        self._heads[path] = await self._read(path, 0, length)

    async def _read_header(self, path: str, length: int) -> None:
        """Reads a weights file as far as its header goes: mostly in one read, else in two."""
        head = await self._read(path, 0, length)
        end = header_end(head)
        if end is None or end > self._objects[path].size_bytes or not self._may_hold(end):
            # Its beginning says what is wrong; there is no header that could be read.
            self._heads[path] = head[:SNIFF_BYTES]
            return
        rest = await self._read(path, length, end) if end > length and len(head) == length else b""
        self._heads[path] = head[:end] + rest

    def _may_hold(self, header_bytes: int) -> bool:
        self._header_bytes += header_bytes
        return self._header_bytes <= MOST_HEADER_BYTES

    async def _read(self, path: str, start: int, end: int) -> bytes:
        """Reads a range, and keeps in mind where an object ends earlier than it was listed with."""
        if start == end:
            return b""
        async with self._slots:
            try:
                data = bytes(await self._store.read(self._objects[path], start, end))
            except SourceUnreadableError as error:
                # All of them are told together: restoring one after the other would take days.
                self._unreadable[path] = error.kind
                return b""
        if len(data) < end - start:
            self._present[path] = start + len(data)
        return data
