"""Lists and pins S3 objects with boto3, whose errors are typed and which takes any key.

A listing tells size and ETag of a thousand objects at once; version and checksum take a HEAD of each, which only those
that will be copied are worth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import WebPageError, whole_answers
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.adapters.s3_errors import (
    EXPIRED,
    FALLBACK_REGION,
    code_of,
    denied,
    is_away,
    message_of,
    reason_of,
    status_of,
)
from outcrop.errors import (
    CredentialsExpiredError,
    SourceChangedError,
    SourceDeniedError,
    SourceMissingError,
    SourceUnusableError,
    UnavailableError,
)
from outcrop.records import Checksum, ChecksumType, SourceLocation, SourceObject

URL_S = 3600
"""How long a signed URL is good for: longer than one range takes."""
_MISSING = {"NoSuchBucket", "404", "InvalidBucketName"}
_NOT_FOUND, _PRECONDITION_FAILED = 404, 412
_WORDLESS = {"400", "403"}
"""Codes of a HEAD that is refused: an expired session, a missing right, or a key of the caller's own."""
_ALGORITHMS = ("CRC64NVME", "CRC32", "CRC32C", "SHA256", "SHA1")
"""Those that S3 stores and that can be computed here; the first that an object has is taken."""


class S3Listing:
    """Lists prefixes with the credentials of a boto3 session, at its endpoint or at that of a way out."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        outbound: Outbound = DEFAULT,
        timeout_s: float = 20.0,
        reader: str = "The server",
    ) -> None:
        """Keeps how S3 is asked.

        Args:
            session: whose credentials and endpoint are used.
            outbound: the way there.
            timeout_s: longest time to connect and to wait for an answer, in seconds, at each of three attempts.
            reader: whose credentials these are, as the beginning of a sentence about what they may not do.
        """
        self._reader = reader
        self._client: BaseClient = outbound.client(
            whole_answers(session),
            "s3",
            region_name=session.region_name or FALLBACK_REGION,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "total_max_attempts": 3},
                signature_version="s3v4",
                # Otherwise a header of its own is signed into each URL, and would have to be sent with it.
                response_checksum_validation="when_required",
            ),
        )

    @property
    def endpoint(self) -> str:
        """Where S3 is found."""
        return str(self._client.meta.endpoint_url)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

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
            answer = await self._call(self._client.list_objects_v2, f"list {location}", arguments)
        except ClientError as error:
            raise self._translate(error, "list", str(location), location.bucket) from error
        if "IsTruncated" not in answer:
            # Every store says it; what does not is another service's answer, and would look like an empty bucket.
            raise SourceUnusableError(f"{self.endpoint} is no S3 endpoint: what it answered is no list of {location}.")
        objects = [
            SourceObject(bucket=location.bucket, key=entry["Key"], size_bytes=entry["Size"], etag=entry["ETag"])
            for entry in answer.get("Contents", ())
        ]
        return objects, answer.get("NextContinuationToken")

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with its version and stored checksum.

        Raises:
            SourceMissingError, SourceDeniedError, SourceChangedError: it is not what was listed, or may not be read.
            UnavailableError: the store does not answer, or answers that it cannot now.
        """
        where = {"Bucket": source.bucket, "Key": source.key}
        try:
            head = await self._call(
                self._client.head_object, f"read {source}", {**where, "IfMatch": source.etag, "ChecksumMode": "ENABLED"}
            )
        except ClientError as error:
            if status_of(error) == _NOT_FOUND:
                raise SourceMissingError(f"{source} is gone.") from error
            if status_of(error) == _PRECONDITION_FAILED:
                raise SourceChangedError(str(source)) from error
            told = await self._told(error, source)
            raise self._translate(told, "read", str(source), source.bucket) from error
        if head["ContentLength"] != source.size_bytes:
            raise SourceChangedError(str(source))
        checksum = _stored_checksum(head)
        if checksum is not None and checksum.type is ChecksumType.COMPOSITE:
            checksum = replace(checksum, part_bytes=await self._part_bytes(source))
        return replace(source, version_id=head.get("VersionId"), checksum=checksum)

    async def _told(self, refusal: ClientError, source: SourceObject) -> ClientError:
        """Returns what S3 says of a read that it refused to a HEAD, whose answers have no words; at least that one."""
        if code_of(refusal) not in _WORDLESS:
            return refusal
        try:
            where = {"Bucket": source.bucket, "Key": source.key, "Range": "bytes=0-0"}
            answer = await self._call(self._client.get_object, f"read {source}", where)
        except ClientError as error:
            return error
        answer["Body"].close()
        return refusal

    def url(self, source: SourceObject) -> str:
        """Returns a URL that reads the object, signed with the credentials of this moment. Raises SourceDeniedError."""
        try:
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={"Bucket": source.bucket, "Key": source.key}, ExpiresIn=URL_S
                )
            )
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SourceDeniedError(f"There are no AWS credentials to read {source} with.") from error
        except BotoCoreError as error:
            raise UnavailableError(f"S3 at {self.endpoint}", type(error).__name__) from error

    async def _part_bytes(self, source: SourceObject) -> tuple[int, ...]:
        """Returns the sizes of the parts that an object was uploaded in; empty where the store does not tell."""
        sizes: list[int] = []
        arguments: dict[str, Any] = {
            "Bucket": source.bucket,
            "Key": source.key,
            "ObjectAttributes": ["ObjectParts"],
        }
        while True:
            try:
                answer = await self._call(self._client.get_object_attributes, f"read {source}", arguments)
            except ClientError as error:
                if is_away(error):
                    raise self._translate(error, "read", str(source), source.bucket) from error
                # It takes a right of its own, and some stores do not have it at all.
                return ()
            parts = answer.get("ObjectParts", {})
            sizes.extend(part["Size"] for part in parts.get("Parts", ()))
            if not parts.get("IsTruncated"):
                return tuple(sizes) if sum(sizes) == source.size_bytes else ()
            arguments["PartNumberMarker"] = parts["NextPartNumberMarker"]

    async def _call(
        self, operation: Callable[..., dict[str, Any]], what: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Calls S3; a refusal is raised as the ClientError that it is."""
        try:
            return await asyncio.to_thread(operation, **arguments)
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise SourceDeniedError(
                f"There are no AWS credentials to {what} with: give the server AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a profile, or start it with --buckets."
            ) from error
        except WebPageError as error:
            raise SourceUnusableError(
                f"{self.endpoint} is no S3 endpoint: asked to {what}, {error}. Check AWS_ENDPOINT_URL_S3."
            ) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise UnavailableError(f"S3 at {self.endpoint}", reason_of(error)) from error

    def _translate(self, error: ClientError, verb: str, what: str, bucket: str) -> Exception:
        if code_of(error) in _MISSING:
            return SourceMissingError(f"The bucket {bucket} does not exist at {self.endpoint}.")
        if code_of(error) in EXPIRED:
            return CredentialsExpiredError(f"S3 at {self.endpoint}", f"the credentials have expired ({code_of(error)})")
        if is_away(error):
            return UnavailableError(f"S3 at {self.endpoint}", f"{status_of(error)} {code_of(error)}")
        if code_of(error) == "PermanentRedirect":
            return SourceMissingError(f"The bucket {bucket} is in another region than {self._client.meta.region_name}.")
        return denied(
            self._reader,
            verb,
            what,
            "s3:ListBucket" if verb == "list" else "s3:GetObject",
            status=status_of(error),
            code=code_of(error),
            message=message_of(error),
        )


def _stored_checksum(head: Mapping[str, Any]) -> Checksum | None:
    """Reads the checksum headers of a HEAD; stores that tell no type mark composite ones by `-N` alone."""
    for algorithm in _ALGORITHMS:
        value, dash, _ = str(head.get(f"Checksum{algorithm}", "")).partition("-")
        if value:
            told = head.get("ChecksumType", "COMPOSITE" if dash else "FULL_OBJECT")
            return Checksum(algorithm=algorithm, value=value, type=ChecksumType(told))
    return None
