"""The object store behind an address, read with what this process may read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from outcrop.adapters.store_local import LocalObjectStore
from outcrop.errors import SourceMissingError
from outcrop.ports import ObjectStore
from outcrop.records import SourceLocation

if TYPE_CHECKING:
    from outcrop.adapters.outbound import Outbound
    from outcrop.adapters.store_s3 import S3ObjectStore


def open_s3(environment: Mapping[str, str], outbound: Outbound | None = None) -> S3ObjectStore:
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
