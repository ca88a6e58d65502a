"""The source of an import: where it is, and its objects, pinned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """An `s3://bucket/prefix/`; the prefix is empty (the bucket's root) or ends with a slash."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, uri: str) -> SourceLocation:
        """Reads an S3 URI; a missing trailing slash makes no difference (SPEC 2.0.4)."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, prefix=prefix.rstrip("/") + "/" if prefix.strip("/") else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


class ChecksumType(StrEnum):
    """What a stored checksum is of; the names are S3's."""

    FULL_OBJECT = "FULL_OBJECT"
    """Of the object's bytes."""
    COMPOSITE = "COMPOSITE"
    """Of the checksums of the parts that it was uploaded in, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """A checksum that the store keeps of an object (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html)."""

    algorithm: str
    """`CRC64NVME`, `CRC32`, `CRC32C`, `SHA256`, `SHA1` or a newer one, as S3 names them."""
    value: str
    """Base64, without the `-N` that a composite one ends with on the wire."""
    type: ChecksumType
    part_bytes: tuple[int, ...] = ()
    """Composite only: the size of each part; empty when the store does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """One object of the source, pinned: every later read asks for these very bytes."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None
    checksum: Checksum | None = None
    """What the store says of the bytes; None before `ObjectStore.pin`, and where the store keeps none."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
