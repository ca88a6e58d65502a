"""ObjectStore on S3 and what speaks its protocol: obstore reads the bytes, every read pinned with If-Match."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import obstore
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from outcrop.adapters.s3_listing import FALLBACK_REGION, S3Listing
from outcrop.errors import (
    SourceChangedError,
    SourceDeniedError,
    SourceMissingError,
    SourceUnusableError,
    UnavailableError,
)
from outcrop.ports import Buffer
from outcrop.records import SourceLocation, SourceObject


class S3ObjectStore:
    """Buckets at the S3 endpoint that the AWS variables or profile name, read with the credentials found there."""

    def __init__(self, session: boto3.Session, environment: Mapping[str, str]) -> None:
        self._session = session
        self._listing = S3Listing(session)
        self._ca_bundle = environment.get("AWS_CA_BUNDLE")
        self._stores: dict[str, S3Store] = {}

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag."""
        token: str | None = None
        while True:
            objects, token = await self._listing.page(location, token)
            for item in objects:
                yield item
            if token is None:
                return

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with what a listing does not tell: its version and stored checksum."""
        return await self._listing.pin(source)

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        if start == end:
            return b""
        try:
            result = await obstore.get_async(
                self._store(source.bucket),
                source.key,
                options={"range": (start, end), "if_match": source.etag},
            )
            data = await result.bytes_async()
        except FileNotFoundError as error:
            raise SourceMissingError(f"{source} is gone.") from error
        except PreconditionError as error:
            raise SourceChangedError(str(source)) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise SourceDeniedError(f"Reading {source} was refused.") from error
        except InvalidPathError as error:
            raise SourceUnusableError(f"{source} has a key that cannot be a file's path; remove it.") from error
        except BaseError as error:
            raise UnavailableError(f"S3 at {self._listing.endpoint}", type(error).__name__) from error
        if len(data) != end - start:
            raise UnavailableError(f"S3 at {self._listing.endpoint}", f"{source} ended early")
        return memoryview(data)

    def _store(self, bucket: str) -> S3Store:
        if bucket not in self._stores:
            endpoint = self._listing.endpoint
            client: dict[str, Any] = {
                "allow_http": endpoint.startswith("http:"),
                "connect_timeout": "10s",
                "timeout": "60s",
            }
            if self._ca_bundle is not None:
                with open(self._ca_bundle, "rb") as file:  # noqa: PTH123  # once a bucket
                    client["root_certificate"] = file.read()
            self._stores[bucket] = S3Store(
                bucket,
                region=self._session.region_name or FALLBACK_REGION,
                endpoint=endpoint,
                credential_provider=Boto3CredentialProvider(self._session, ttl=timedelta(minutes=5)),
                client_options=client,  # type: ignore[arg-type]  # built member by member
                retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
            )
        return self._stores[bucket]
