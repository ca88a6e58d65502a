"""Buckets in memory, which count what is read of them and can be told to fail."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

from outcrop.errors import OutcropError, SourceChangedError, SourceMissingError
from outcrop.ports import Buffer, ByteSink
from outcrop.records import Checksum, SourceLocation, SourceObject

MOST_AT_ONCE = 1 << 20


class FakeObjectStore:
    """ObjectStore on a dictionary: bucket → key → bytes."""

    def __init__(self, buckets: dict[str, dict[str, bytes]]) -> None:
        self.buckets = buckets
        self.bytes_read = 0
        self.failures: list[OutcropError] = []
        """Raised by the next reads, one each."""
        self.checksums: dict[str, Checksum] = {}
        """What the store keeps of an object, by key."""

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, in the order of keys."""
        for key, data in sorted(self._bucket(location.bucket).items()):
            if key.startswith(location.prefix):
                yield SourceObject(bucket=location.bucket, key=key, size_bytes=len(data), etag=_etag(data))

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns the object with the checksum that was given for its key, if one was."""
        data = self._bucket(source.bucket).get(source.key)
        if data is None:
            raise SourceMissingError(f"{source} is gone.")
        if _etag(data) != source.etag:
            raise SourceChangedError(str(source))
        return replace(source, checksum=self.checksums.get(source.key))

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        if self.failures:
            raise self.failures.pop(0)
        data = self._bucket(source.bucket).get(source.key)
        if data is None:
            raise SourceMissingError(f"{source} is gone.")
        if _etag(data) != source.etag:
            raise SourceChangedError(str(source))
        self.bytes_read += end - start
        return memoryview(data)[start:end]

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink, at most 1 MiB at once."""
        data = await self.read(source, start, end)
        place = 0
        while place < len(data):
            room = sink.room()
            piece = data[place : place + min(len(room), MOST_AT_ONCE)]
            room[: len(piece)] = piece
            sink.received(len(piece))
            place += len(piece)

    def _bucket(self, bucket: str) -> dict[str, bytes]:
        if bucket not in self.buckets:
            raise SourceMissingError(f"The bucket {bucket} does not exist.")
        return self.buckets[bucket]


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
