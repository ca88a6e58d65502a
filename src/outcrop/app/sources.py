"""The object store behind a source: local buckets first, S3 for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.adapters.store_local import LocalObjectStore
from outcrop.errors import SourceMissingError
from outcrop.ports import Buffer, ByteSink, ObjectStore
from outcrop.records import SourceLocation, SourceObject

if TYPE_CHECKING:
    from outcrop.adapters.outbound import Outbound


class Sources:
    """Buckets that are local folders, and S3 for every other name, unless the folders are all there is."""

    def __init__(self, local: LocalObjectStore, remote: ObjectStore | None) -> None:
        self._local = local
        self._remote = remote

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location."""
        async for item in self._of(location.bucket).list(location):
            yield item

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with its version and stored checksum."""
        return await self._of(source.bucket).pin(source)

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        return await self._of(source.bucket).read(source, start, end)

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink."""
        await self._of(source.bucket).stream(source, start, end, sink)

    def reached_by(self, remote: ObjectStore) -> Sources:
        """Returns the same folders, and another way to all other buckets, if there are any."""
        return Sources(self._local, None if self._remote is None else remote)

    def _of(self, bucket: str) -> ObjectStore:
        return self._local if self._remote is None or self._local.has_bucket(bucket) else self._remote


def server_sources(*, folders: Sequence[Path], has_s3: bool, environment: Mapping[str, str]) -> Sources:
    """Returns what a server imports from: its folders of buckets, and S3 as the AWS variables say."""
    return Sources(LocalObjectStore(folders), open_s3(environment) if has_s3 else None)


def open_s3(environment: Mapping[str, str], outbound: Outbound | None = None) -> ObjectStore:
    """Opens S3 with the default credential chain, at `AWS_ENDPOINT_URL_S3`; or as a way out says."""
    # boto3 takes 0.2 s to import, which `outcrop check DIR` need not pay.
    import boto3  # noqa: PLC0415

    from outcrop.adapters.outbound import DEFAULT  # noqa: PLC0415
    from outcrop.adapters.store_s3 import S3ObjectStore  # noqa: PLC0415

    return S3ObjectStore(boto3.Session(), environment, outbound=outbound or DEFAULT)


def open_target(target: str, environment: Mapping[str, str]) -> tuple[ObjectStore, SourceLocation]:
    """Opens what `outcrop check` was given: an s3:// address or a folder.

    Raises:
        SourceMissingError: there is no such folder, it is empty, or the address names no bucket.
    """
    if target.startswith("s3://"):
        location = SourceLocation.parse(target)
        if not location.bucket:
            raise SourceMissingError(f"{target} names no bucket. An address is s3://BUCKET/PREFIX/.")
        return open_s3(environment), location
    folder = Path(target).expanduser().resolve()
    if folder.is_file():
        raise SourceMissingError(f"{target} is a file. Name the folder that holds the model; unpack archives first.")
    if not folder.is_dir():
        raise SourceMissingError(f"{target} is not a folder. Name a folder, or an s3:// address.")
    if not any(folder.iterdir()):
        raise SourceMissingError(f"{target} is an empty folder. Name the folder that holds the model.")
    return LocalObjectStore([folder.parent]), SourceLocation(bucket=folder.name, prefix="")
