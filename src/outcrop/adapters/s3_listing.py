"""Lists S3 buckets with boto3, whose errors are typed and which takes any key.

obstore reads the bytes, but not the lists: it answers a missing bucket, a refusal and a dead endpoint with one and the
same error, and one odd key fails a whole listing (docs/decisions/0005-bytes.md).
"""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from outcrop.errors import SourceDeniedError, SourceMissingError, UnavailableError
from outcrop.records import SourceLocation, SourceObject

FALLBACK_REGION = "us-east-1"
_MISSING = {"NoSuchBucket", "404", "InvalidBucketName"}
_AWAY_FROM_STATUS = 500
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "429"}


class S3Listing:
    """Lists prefixes with the credentials and endpoint of a boto3 session."""

    def __init__(self, session: boto3.Session, *, timeout_s: float = 20.0) -> None:
        self._client: BaseClient = session.client(
            "s3",
            region_name=session.region_name or FALLBACK_REGION,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )

    @property
    def endpoint(self) -> str:
        """Where the session finds S3."""
        return str(self._client.meta.endpoint_url)

    async def page(self, location: SourceLocation, token: str | None) -> tuple[list[SourceObject], str | None]:
        """Returns one page of a listing and the token of the next.

        Raises:
            SourceMissingError: there is no such bucket.
            SourceDeniedError: the credentials may not list it.
            UnavailableError: the store does not answer, or answers that it cannot now.
        """
        arguments: dict[str, Any] = {"Bucket": location.bucket, "Prefix": location.prefix}
        if token is not None:
            arguments["ContinuationToken"] = token
        try:
            answer = await asyncio.to_thread(self._client.list_objects_v2, **arguments)
        except ClientError as error:
            raise self._translate(error, location) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SourceDeniedError(
                f"There are no AWS credentials to list {location} with: give the server AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a profile, or start it with --buckets."
            ) from error
        except BotoCoreError as error:
            raise UnavailableError(f"S3 at {self.endpoint}", type(error).__name__) from error
        objects = [
            SourceObject(bucket=location.bucket, key=entry["Key"], size_bytes=entry["Size"], etag=entry["ETag"])
            for entry in answer.get("Contents", ())
        ]
        return objects, answer.get("NextContinuationToken")

    def _translate(self, error: ClientError, location: SourceLocation) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _MISSING:
            return SourceMissingError(f"The bucket {location.bucket} does not exist at {self.endpoint}.")
        if code in _THROTTLED or status >= _AWAY_FROM_STATUS:
            return UnavailableError(f"S3 at {self.endpoint}", f"{status} {code}")
        if code == "PermanentRedirect":
            return SourceMissingError(
                f"The bucket {location.bucket} is in another region than {self._client.meta.region_name}."
            )
        return SourceDeniedError(f"Listing {location} was refused: {status} {code}.")
