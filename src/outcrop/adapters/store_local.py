"""ObjectStore on folders: each folder that it is given by name is a bucket, each file below it an object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from outcrop.adapters.whole import Whole
from outcrop.errors import SourceChangedError, SourceDeniedError, SourceMissingError, UnavailableError
from outcrop.ports import Buffer, ByteSink
from outcrop.records import SourceLocation, SourceObject
from outcrop.tasks import in_thread

STREAMS = 16
"""Threads that read at once, of all imports."""


class LocalObjectStore:
    """The sub-folders of some folders as buckets; the first folder that has the bucket wins.

    Links are followed: a Hugging Face cache, where every file is one, is a model like another.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._threads = ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="folder")

    def has_bucket(self, bucket: str) -> bool:
        """Says whether a folder of that name is there."""
        return self._find(bucket) is not None

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every file under the location, in the order of keys."""
        for item in await asyncio.to_thread(lambda: sorted(self._walk(location), key=lambda found: found.key)):
            yield item

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns the file as it was listed: a file system keeps no checksum, and its pin is compared at each read."""
        return source

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned file."""
        whole = Whole(end - start)
        await self.stream(source, start, end, whole)
        return whole.data

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned file into the sink, in order, in one thread."""
        await in_thread(self._threads, lambda: self._read(source, start, end, sink))

    def _find(self, bucket: str) -> Path | None:
        if bucket in ("", ".", "..") or "/" in bucket:
            return None
        return next((root / bucket for root in self._roots if (root / bucket).is_dir()), None)

    def _bucket(self, bucket: str) -> Path:
        found = self._find(bucket)
        if found is None:
            raise SourceMissingError(
                f"The bucket {bucket} does not exist: {' and '.join(str(root) for root in self._roots)} "
                "has no folder of that name."
            )
        return found

    def _walk(self, location: SourceLocation) -> Iterator[SourceObject]:
        bucket = self._bucket(location.bucket)
        # A prefix that climbs out of the bucket names nothing, as on S3, where `..` is a name like another.
        if ".." in location.prefix.split("/"):
            return
        pending = [bucket / location.prefix]
        while pending:
            folder = pending.pop()
            try:
                entries = list(os.scandir(folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                raise SourceDeniedError(f"The folder {folder} may not be listed.") from error
            for entry in entries:
                if entry.is_dir() and not entry.is_symlink():
                    pending.append(Path(entry.path))
                elif entry.is_file():
                    status = entry.stat()
                    yield SourceObject(
                        bucket=location.bucket,
                        key=str(Path(entry.path).relative_to(bucket)),
                        size_bytes=status.st_size,
                        etag=_etag(status),
                    )

    def _read(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        path = self._bucket(source.bucket) / source.key
        try:
            with path.open("rb", buffering=0) as file:
                # Judged by the open descriptor, before and after: a file that is replaced or written to in between
                # does not slip through.
                if _etag(os.fstat(file.fileno())) != source.etag:
                    raise SourceChangedError(str(source))
                place = start
                while place < end:
                    count = os.preadv(file.fileno(), [sink.room()[: end - place]], place)
                    if count == 0:
                        raise SourceChangedError(str(source))
                    sink.received(count)
                    place += count
                if _etag(os.fstat(file.fileno())) != source.etag:
                    raise SourceChangedError(str(source))
        except FileNotFoundError as error:
            raise SourceMissingError(f"{source} is gone.") from error
        except PermissionError as error:
            raise SourceDeniedError(f"Reading {source} was refused.") from error
        except OSError as error:
            raise UnavailableError(f"the file system of {source}", error.strerror or type(error).__name__) from error


def _etag(status: os.stat_result) -> str:
    """What changes whenever a file is written or replaced: inode, change time and size."""
    return f'"{status.st_ino:x}-{status.st_ctime_ns:x}-{status.st_size:x}"'
