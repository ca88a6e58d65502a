"""Lists and pins S3 objects with boto3, whose errors are typed and which takes any key.

A listing tells size and ETag of a thousand objects at once; version and checksum take a HEAD of each, which only those
that will be copied are worth.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.http_whole import is_weak
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.adapters.s3_causes import cause_of
from outcrop.adapters.s3_dialect import pay_for_requests, stored_checksum, unreadable
from outcrop.adapters.s3_errors import (
    EXPIRED,
    FALLBACK_REGION,
    code_of,
    denied,
    is_away,
    message_of,
    status_of,
)
from outcrop.adapters.s3_redirects import follow_once, learn_region
from outcrop.adapters.s3_signing import SignedGet, can_sign, signed_get
from outcrop.doctor.causes import Asked, Layer, not_s3
from outcrop.errors import (
    CredentialsExpiredError,
    SourceChangedError,
    SourceDeniedError,
    SourceMissingError,
    SourceUnusableError,
    UnavailableError,
)
from outcrop.records import ChecksumType, SourceLocation, SourceObject

_MISSING = {"NoSuchBucket", "InvalidBucketName"}
_NO_SECOND_VERSION = {"NotImplemented", "MethodNotAllowed"}
_REFUSED, _NOT_FOUND, _PRECONDITION_FAILED = (401, 403), 404, 412
_WORDLESS = {"400", "403"}
"""Codes of a HEAD that is refused: an expired session, a missing right, or a key of the caller's own."""
_OF_PLACE = (Layer.ENDPOINT, Layer.REGION, Layer.PROTOCOL)
"""Layers that are about where is asked."""
_OF_SERVER = (Layer.CREDENTIALS, Layer.SIGNATURE, Layer.CLOCK)
"""Layers that are about who asks, and not about what for."""


class S3Listing:
    """Lists prefixes with the credentials of a boto3 session, at its endpoint or at that of a way out."""

    def __init__(
        self,
        session: boto3.Session,
        *,
        outbound: Outbound = DEFAULT,
        timeout_s: float = 20.0,
        reader: str = "The server",
        ca_bundle: str | None = None,
        is_paying: bool = False,
    ) -> None:
        """Keeps how S3 is asked.

        Args:
            session: whose credentials and endpoint are used.
            outbound: the way there.
            timeout_s: longest time to connect and to wait for an answer, in seconds, at each of three attempts.
            reader: whose credentials these are, as the beginning of a sentence about what they may not do.
            ca_bundle: the file of certificate authorities that the session trusts, for messages.
            is_paying: whether the reader pays for requests to buckets that ask for it.
        """
        self._reader = reader
        self._bundle = ca_bundle
        self._session = whole_answers(session)
        self._outbound = outbound
        self._config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version="s3v4",
            # Otherwise a header of its own is signed into each URL, and would have to be sent with it.
            response_checksum_validation="when_required",
        )
        self._client = self._new_client(self._config)
        if is_paying:
            pay_for_requests(self._client)
        self._anonymous: BaseClient | None = None
        """What asks where there are no credentials: a public bucket needs none. Made when it is first needed."""

    @property
    def endpoint(self) -> str:
        """Where S3 is found."""
        return str(self._client.meta.endpoint_url)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()
        if self._anonymous is not None:
            self._anonymous.close()

    async def objects(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag.

        Raises:
            SourceMissingError: there is no such bucket.
            SourceDeniedError: the credentials may not list it.
            SourceUnusableError: what answers is no S3, or lists what cannot be pinned.
            UnavailableError: the store does not answer, or answers that it cannot now.
        """
        more: dict[str, str] = {}
        while True:
            answer = await self._page(location, more)
            entries = answer.get("Contents", [])
            for entry in entries:
                yield self._listed(location, entry)
            if not answer["IsTruncated"]:
                return
            before, more = more, self._next(answer, entries)
            if not more or more == before:
                # Going on would list the same page for ever; ending would take a part of the model for all of it.
                raise SourceUnusableError(f"{self.endpoint} does not say how its list of {location} goes on.")

    async def _page(self, location: SourceLocation, more: Mapping[str, str]) -> dict[str, Any]:
        arguments = {"Bucket": location.bucket, "Prefix": location.prefix, **more}
        try:
            try:
                operation = "list_objects" if "Marker" in more else "list_objects_v2"
                answer = await self._call(operation, f"list {location}", location.bucket, arguments)
            except ClientError as error:
                if code_of(error) not in _NO_SECOND_VERSION or more:
                    raise
                answer = await self._call("list_objects", f"list {location}", location.bucket, arguments)
        except ClientError as error:
            raise self._translate(error, "list", str(location), location.bucket) from error
        if "IsTruncated" not in answer:
            # Every store says it; what does not is another service's answer, and would look like an empty bucket.
            raise SourceUnusableError(str(not_s3(self.endpoint, f"what it answered is no list of {location}")))
        return answer

    @staticmethod
    def _next(answer: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Returns what asks for the next page. Stores that know the first version of lists alone go on by keys."""
        if "NextContinuationToken" in answer:
            return {"ContinuationToken": str(answer["NextContinuationToken"])}
        last = answer.get("NextMarker") or (entries[-1]["Key"] if entries else None)
        return {} if last is None else {"Marker": str(last)}

    def _listed(self, location: SourceLocation, entry: Mapping[str, Any]) -> SourceObject:
        etag = entry.get("ETag")
        if not etag or "Size" not in entry:
            raise SourceUnusableError(
                f"{self.endpoint} lists s3://{location.bucket}/{entry['Key']} without its size or ETag, so that nobody "
                "could tell whether it changes while it is read."
            )
        return SourceObject(bucket=location.bucket, key=entry["Key"], size_bytes=entry["Size"], etag=str(etag))

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with its version and stored checksum.

        Raises:
            SourceMissingError, SourceDeniedError, SourceChangedError: it is not what was listed, or may not be read.
            UnavailableError: the store does not answer, or answers that it cannot now.
        """
        where = {"Bucket": source.bucket, "Key": source.key, "ChecksumMode": "ENABLED"}
        if not is_weak(source.etag):
            where["IfMatch"] = source.etag
        try:
            head = await self._call("head_object", f"read {source}", source.bucket, where)
        except ClientError as error:
            if status_of(error) == _NOT_FOUND:
                raise SourceMissingError(f"{source} is gone.") from error
            if status_of(error) == _PRECONDITION_FAILED:
                raise SourceChangedError(str(source)) from error
            told = await self._told(error, source)
            why = unreadable(source, status_of(told), code_of(told), message_of(told))
            raise why or self._translate(told, "read", str(source), source.bucket) from error
        if head["ContentLength"] != source.size_bytes:
            raise SourceChangedError(str(source))
        checksum = stored_checksum(head)
        if checksum is not None and checksum.type is ChecksumType.COMPOSITE:
            checksum = replace(checksum, part_bytes=await self._part_bytes(source))
        return replace(source, version_id=head.get("VersionId"), checksum=checksum)

    async def _told(self, refusal: ClientError, source: SourceObject) -> ClientError:
        """Returns what S3 says of a read that it refused to a HEAD, whose answers have no words; at least that one."""
        if code_of(refusal) not in _WORDLESS:
            return refusal
        try:
            where = {"Bucket": source.bucket, "Key": source.key, "Range": "bytes=0-0"}
            answer = await self._call("get_object", f"read {source}", source.bucket, where)
        except ClientError as error:
            return error
        answer["Body"].close()
        return refusal

    def signed(self, source: SourceObject) -> SignedGet:
        """Returns the request that reads an object, signed with the credentials of this moment, if there are any.

        Raises:
            SourceDeniedError: there is only a part of them.
            UnavailableError: they cannot be had now.
        """
        try:
            try:
                return signed_get(self._client, bucket=source.bucket, key=source.key)
            except NoCredentialsError:
                return signed_get(self._unsigned(), bucket=source.bucket, key=source.key)
        except BotoCoreError as error:
            raise self._unanswered(error, f"read {source}", source.bucket) from error

    def look_elsewhere(self, bucket: str) -> None:
        """Finds out in which region a bucket is, for later reads; blocks. A failure shows in those."""
        with suppress(BotoCoreError, ClientError, ResponseParserError):
            learn_region(self._client, bucket)

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
                answer = await self._call("get_object_attributes", f"read {source}", source.bucket, arguments)
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

    async def _call(self, operation: str, what: str, bucket: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Calls S3; a refusal is raised as the ClientError that it is."""

        def call(client: BaseClient) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
            return answer

        try:
            try:
                return await asyncio.to_thread(call, self._client)
            except NoCredentialsError as error:
                return await asyncio.to_thread(self._without_credentials, call, error)
        except (BotoCoreError, ResponseParserError) as error:
            raise self._unanswered(error, what, bucket) from error

    def _without_credentials(
        self, call: Callable[[BaseClient], dict[str, Any]], missing: NoCredentialsError
    ) -> dict[str, Any]:
        try:
            return call(self._unsigned())
        except ClientError as error:
            if status_of(error) in _REFUSED:
                raise missing from error
            raise

    def _unsigned(self) -> BaseClient:
        if self._anonymous is None:
            self._anonymous = self._new_client(self._config.merge(Config(signature_version=UNSIGNED)))
        return self._anonymous

    def _new_client(self, config: Config) -> BaseClient:
        region = self._session.region_name or FALLBACK_REGION
        return can_sign(follow_once(self._outbound.client(self._session, "s3", region_name=region, config=config)))

    def _unanswered(self, error: Exception, what: str, bucket: str) -> Exception:
        """Returns what it means that a call had no answer: its cause will pass, or has to be mended first."""
        cause = cause_of(error, self._asked(bucket, "s3:ListBucket"), bundle=self._bundle)
        if cause.layer is Layer.CREDENTIALS:
            return SourceDeniedError(f"{self._reader} could not {what}: {cause}")
        if cause.may_pass:
            return UnavailableError(f"S3 at {self.endpoint}", str(cause).rstrip("."))
        return SourceUnusableError(str(cause))

    def _asked(self, bucket: str, action: str) -> Asked:
        return Asked(endpoint=self.endpoint, bucket=bucket, action=action, region=str(self._client.meta.region_name))

    def _translate(self, error: ClientError, verb: str, what: str, bucket: str) -> Exception:
        if code_of(error) in _MISSING:
            return SourceMissingError(f"The bucket {bucket} does not exist at {self.endpoint}.")
        if code_of(error) in EXPIRED:
            return CredentialsExpiredError(f"S3 at {self.endpoint}", f"the credentials have expired ({code_of(error)})")
        if is_away(error):
            return UnavailableError(f"S3 at {self.endpoint}", f"{status_of(error)} {code_of(error)}")
        action = "s3:ListBucket" if verb == "list" else "s3:GetObject"
        cause = cause_of(error, self._asked(bucket, action), bundle=self._bundle)
        if cause.layer in _OF_SERVER:
            return SourceDeniedError(f"{self._reader} could not {verb} {what}: {cause}")
        if cause.layer in _OF_PLACE:
            return SourceUnusableError(f"{self._reader} could not {verb} {what}: {cause}")
        return denied(
            self._reader,
            verb,
            what,
            action,
            status=status_of(error),
            code=code_of(error),
            message=message_of(error),
        )
