"""Vault on a bucket of S3 or what speaks its protocol.

    PREFIX/artifacts/ARTIFACT/…    sealed files, staged or published alike: nobody knows of them before their marker
    PREFIX/published/ARTIFACT      empty; written last, and with it the artifact is published

A bucket has no rename, but each object appears whole or not at all: files as they are finished, the artifact with its
marker. Files are multipart uploads, whose parts survive the process; they are invisible until they are completed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.parsers import ResponseParserError

from outcrop.adapters.aws_trust import ca_bundle
from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.http_ranges import (
    Hangup,
    HttpBrokenError,
    HttpChangedError,
    HttpRanges,
    HttpRefusedError,
    HttpStrangeError,
)
from outcrop.adapters.s3_errors import FALLBACK_REGION, code_of, is_away, may_pass, reason_of, status_of
from outcrop.adapters.s3_redirects import follow_once
from outcrop.adapters.s3_signing import can_sign, signed_get
from outcrop.adapters.whole import Whole
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import IntegrityError, StorageError, UnavailableError
from outcrop.ports import Buffer
from outcrop.records import Upload
from outcrop.tasks import in_thread

Result = TypeVar("Result")

STREAMS = 32
"""Threads that read, write and list at once."""
_NOT_FOUND, _RANGE_UNKNOWN = 404, 416
_MOST_KEYS = 1000
"""What DeleteObjects takes."""


class S3Vault:
    """Sealed artifacts under a prefix of a bucket."""

    def __init__(
        self, session: boto3.Session, environment: Mapping[str, str], *, bucket: str, prefix: str, stall_s: float = 30.0
    ) -> None:
        """Connects nothing yet.

        Args:
            session: credentials, region and endpoint.
            environment: the AWS variables of the process; AWS_CA_BUNDLE is read.
            bucket: an existing bucket.
            prefix: empty, or ending in a slash.
            stall_s: longest time without a byte.
        """
        self._bucket = bucket
        self._root = prefix
        client = whole_answers(session).client(
            "s3",
            region_name=session.region_name or FALLBACK_REGION,
            config=Config(
                connect_timeout=10,
                read_timeout=stall_s,
                retries={"mode": "standard", "total_max_attempts": 3},
                signature_version="s3v4",
                # Sealed bytes authenticate themselves; not every store takes the trailing checksums of the default.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=STREAMS,
            ),
        )
        self._client: BaseClient = can_sign(follow_once(client))
        self._ranges = HttpRanges(ca_bundle=ca_bundle(session, environment), stall_s=stall_s)
        self._threads = ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="vault")

    # --- Vault ---

    @asynccontextmanager
    async def create(self, artifact_id: str, path: str, size_bytes: int) -> AsyncIterator[_S3File]:
        """Opens a small staged file of a known sealed size, anew; it is there once the context ends without error."""
        file = _S3File(size_bytes)
        yield file
        await self._call("put_object", Key=self._key(artifact_id, path), Body=bytes(file.data))
        reached(CrashPoint.OBJECT_PUT)

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file, staged or published. Raises IntegrityError for less."""
        whole = Whole(end - start)
        if start < end:
            hangup = Hangup()
            await in_thread(
                self._threads, lambda: self._read(artifact_id, path, start, end, whole, hangup), give_up=hangup
            )
        return whole.data

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes, staged or published. Raises IntegrityError if there is none."""
        found = await self._call("head_object", absent_is_none=True, Key=self._key(artifact_id, path))
        if found is None:
            raise IntegrityError(f"artifact {artifact_id} has no file {path}")
        return int(found["ContentLength"])

    async def publish(self, artifact_id: str) -> None:
        """Writes the artifact's marker; does nothing when it is there."""
        marker = f"{self._root}published/{artifact_id}"
        if await self._call("head_object", absent_is_none=True, Key=marker) is not None:
            return
        if not await self._keys(self._key(artifact_id, "")):
            raise IntegrityError(f"there is no artifact {artifact_id} to publish")
        await self._give_up(self._key(artifact_id, ""))
        await self._call("put_object", Key=marker, Body=b"")
        reached(CrashPoint.MARKER_PUT)

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, its marker first, its files, and its unfinished uploads."""
        await self._call("delete_object", Key=f"{self._root}published/{artifact_id}")
        reached(CrashPoint.MARKER_DELETED)
        await self._give_up(self._key(artifact_id, ""))
        reached(CrashPoint.UPLOADS_ABORTED)
        keys = await self._keys(self._key(artifact_id, ""))
        for begin in range(0, len(keys), _MOST_KEYS):
            doomed = [{"Key": key} for key in keys[begin : begin + _MOST_KEYS]]
            answer = await self._call("delete_objects", Delete={"Objects": doomed, "Quiet": True})
            if answer.get("Errors"):
                raise StorageError(f"{self._name}: files of artifact {artifact_id} could not be deleted")
        reached(CrashPoint.OBJECTS_DELETED)

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything: files, unfinished uploads, a marker."""
        artifacts, published = f"{self._root}artifacts/", f"{self._root}published/"
        found = {name.removeprefix(artifacts).rstrip("/") for name in await self._folders(artifacts)}
        found |= {key.removeprefix(published) for key in await self._keys(published)}
        found |= {key.removeprefix(artifacts).split("/")[0] for key, _ in await self._uploads(artifacts)}
        return sorted(found)

    # --- VaultStaging ---

    async def begin(self, artifact_id: str, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begins a staged file anew, beside earlier uploads of the same file."""
        made = await self._call("create_multipart_upload", Key=self._key(artifact_id, path))
        reached(CrashPoint.UPLOAD_CREATED)
        return Upload(
            artifact_id=artifact_id, path=path, id=made["UploadId"], size_bytes=size_bytes, part_bytes=part_bytes
        )

    async def give_up(self, upload: Upload) -> None:
        """Removes an upload that will not be finished; does nothing when there is none."""
        await self._call(
            "abort_multipart_upload",
            absent_is_none=True,
            Key=self._key(upload.artifact_id, upload.path),
            UploadId=upload.id,
        )

    async def is_open(self, upload: Upload) -> bool:
        """Says whether parts may be added."""
        found = await self._call(
            "list_parts",
            absent_is_none=True,
            Key=self._key(upload.artifact_id, upload.path),
            UploadId=upload.id,
            MaxParts=1,
        )
        return found is not None

    @contextmanager
    def part(self, upload: Upload, number: int) -> Iterator[_S3Part]:
        """Opens a part for writing, anew."""
        yield _S3Part(self, upload, number)

    async def sync(self, upload: Upload) -> None:
        """What the store has taken is there."""

    async def finish(self, upload: Upload, receipts: Sequence[str]) -> None:
        """Completes the upload; the file appears at once.

        An upload that is no more was completed before, by a request whose answer was lost: then the file is there. That
        it is the right one, the verify stage finds out.
        """
        parts = [{"PartNumber": number, "ETag": receipt} for number, receipt in enumerate(receipts, 1)]
        completed = await self._call(
            "complete_multipart_upload",
            absent_is_none=True,
            Key=self._key(upload.artifact_id, upload.path),
            UploadId=upload.id,
            MultipartUpload={"Parts": parts},
        )
        if completed is None and not await self._is_there(upload):
            raise StorageError(f"{self._name}: complete_multipart_upload: {_NOT_FOUND} NoSuchUpload")
        reached(CrashPoint.UPLOAD_COMPLETED)

    async def _is_there(self, upload: Upload) -> bool:
        found = await self._call("head_object", absent_is_none=True, Key=self._key(upload.artifact_id, upload.path))
        return found is not None and int(found["ContentLength"]) == upload.size_bytes

    async def put_part(self, upload: Upload, number: int, data: bytearray) -> str:
        """Uploads a part and returns its ETag."""
        answer = await self._call(
            "upload_part",
            Key=self._key(upload.artifact_id, upload.path),
            UploadId=upload.id,
            PartNumber=number + 1,
            Body=data,
        )
        reached(CrashPoint.PART_UPLOADED)
        return str(answer["ETag"])

    # --- the bucket ---

    @property
    def _name(self) -> str:
        return f"the vault at s3://{self._bucket}/{self._root}"

    def _key(self, artifact_id: str, path: str) -> str:
        return f"{self._root}artifacts/{artifact_id}/{path}"

    def _read(self, artifact_id: str, path: str, start: int, end: int, whole: Whole, hangup: Hangup) -> None:
        key = self._key(artifact_id, path)
        try:
            get = signed_get(self._client, bucket=self._bucket, key=key)
            self._ranges.read(
                get.url, start, end, headers=get.headers, etag=None, size_bytes=None, sink=whole, hangup=hangup
            )
        except HttpRefusedError as error:
            if error.status == _NOT_FOUND:
                raise IntegrityError(f"artifact {artifact_id} has no file {path}") from error
            if error.status == _RANGE_UNKNOWN:
                raise IntegrityError(f"file {path} of artifact {artifact_id} is shorter than it was sealed") from error
            if may_pass(error.status, error.code):
                raise UnavailableError(self._name, str(error)) from error
            raise StorageError(f"{self._name}: {error}") from error
        except HttpChangedError as error:
            raise IntegrityError(f"file {path} of artifact {artifact_id} is shorter than it was sealed") from error
        except (HttpBrokenError, HttpStrangeError) as error:
            raise UnavailableError(self._name, str(error)) from error
        except BotoCoreError as error:
            raise StorageError(f"{self._name}: {type(error).__name__}") from error

    async def _keys(self, prefix: str) -> list[str]:
        return [entry["Key"] async for page in self._pages(prefix) for entry in page.get("Contents", ())]

    async def _folders(self, prefix: str) -> list[str]:
        pages = self._pages(prefix, Delimiter="/")
        return [entry["Prefix"] async for page in pages for entry in page.get("CommonPrefixes", ())]

    async def _pages(self, prefix: str, **more: Any) -> AsyncIterator[Mapping[str, Any]]:
        token: dict[str, Any] = {}
        while True:
            page = await self._call("list_objects_v2", Prefix=prefix, **more, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    async def _uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Lists unfinished uploads: key and id of each."""
        found: list[tuple[str, str]] = []
        marker: dict[str, Any] = {}
        while True:
            page = await self._call("list_multipart_uploads", Prefix=prefix, **marker)
            found.extend((entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", ()))
            if not page.get("IsTruncated"):
                return found
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def _give_up(self, prefix: str) -> None:
        for key, upload_id in await self._uploads(prefix):
            await self._call("abort_multipart_upload", absent_is_none=True, Key=key, UploadId=upload_id)

    async def _call(self, operation: str, *, absent_is_none: bool = False, **arguments: Any) -> Any:
        """Calls S3; None for what is not there, if that may be."""
        method: Callable[..., Any] = getattr(self._client, operation)

        def work() -> Any:
            try:
                return method(Bucket=self._bucket, **arguments)
            except ClientError as error:
                if absent_is_none and status_of(error) == _NOT_FOUND and code_of(error) != "NoSuchBucket":
                    return None
                if is_away(error):
                    raise UnavailableError(self._name, f"{status_of(error)} {code_of(error)}") from error
                raise StorageError(f"{self._name}: {operation}: {status_of(error)} {code_of(error)}") from error
            except (NoCredentialsError, PartialCredentialsError) as error:
                raise StorageError(f"{self._name}: there are no AWS credentials for it") from error
            except (BotoCoreError, ResponseParserError) as error:
                raise UnavailableError(self._name, reason_of(error)) from error

        return await in_thread(self._threads, work)


class _S3File:
    def __init__(self, size_bytes: int) -> None:
        self.data = bytearray(size_bytes)

    async def write(self, offset: int, data: Buffer) -> None:
        """Writes at an offset."""
        self.data[offset : offset + len(data)] = data


class _S3Part:
    """A part gathers in memory, since an upload must say its length, and be able to be sent again."""

    def __init__(self, vault: S3Vault, upload: Upload, number: int) -> None:
        self._vault = vault
        self._upload = upload
        self._number = number
        self._data = bytearray(upload.size_of(number))
        self._place = 0

    def write(self, data: Buffer) -> None:
        """Writes what follows."""
        self._data[self._place : self._place + len(data)] = data
        self._place += len(data)

    async def finish(self) -> str:
        """Uploads the part; its receipt is its ETag."""
        return await self._vault.put_part(self._upload, self._number, self._data)
