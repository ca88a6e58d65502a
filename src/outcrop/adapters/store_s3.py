"""ObjectStore on S3 and what speaks its protocol: boto3 finds, signs and lists; the bytes come over plain HTTP.

boto3's own request for an object holds endpoint, addressing and signature (s3_signing.py); Range and If-Match go beside
them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import boto3

from outcrop.adapters.aws_trust import ca_bundle
from outcrop.adapters.http_ranges import (
    Hangup,
    HttpBrokenError,
    HttpChangedError,
    HttpRanges,
    HttpRefusedError,
    HttpStrangeError,
)
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.adapters.s3_dialect import unreadable
from outcrop.adapters.s3_errors import EXPIRED, denied, may_pass
from outcrop.adapters.s3_listing import S3Listing
from outcrop.adapters.s3_redirects import is_elsewhere
from outcrop.adapters.whole import Whole
from outcrop.errors import (
    CredentialsExpiredError,
    SourceChangedError,
    SourceMissingError,
    SourceUnusableError,
    UnavailableError,
)
from outcrop.ports import Buffer, ByteSink
from outcrop.records import SourceLocation, SourceObject
from outcrop.tasks import in_thread

STREAMS = 64
"""Threads that read at once, of all imports: each waits for its socket most of the time."""
_NOT_FOUND, _PRECONDITION_FAILED, _RANGE_UNKNOWN = 404, 412, 416


class S3ObjectStore:
    """Buckets at the S3 endpoint that the AWS variables or profile name, read with the credentials of the session."""

    def __init__(
        self,
        session: boto3.Session,
        environment: Mapping[str, str],
        *,
        outbound: Outbound = DEFAULT,
        stall_s: float = 30.0,
        reader: str = "The server",
    ) -> None:
        """Keeps how S3 is asked.

        Args:
            session: whose credentials and endpoint are used.
            environment: the AWS variables of the process; AWS_CA_BUNDLE and AWS_REQUEST_PAYER are read.
            outbound: the way there.
            stall_s: longest time without a byte, in seconds.
            reader: whose credentials these are, as the beginning of a sentence about what they may not do.
        """
        self._reader = reader
        bundle = ca_bundle(session, environment)
        is_paying = environment.get("AWS_REQUEST_PAYER") == "requester"
        self._listing = S3Listing(session, outbound=outbound, reader=reader, ca_bundle=bundle, is_paying=is_paying)
        self._ranges = HttpRanges(ca_bundle=bundle, stall_s=stall_s, dial=outbound.dial)
        self._threads = ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="s3")

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag."""
        async for item in self._listing.objects(location):
            yield item

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with what a listing does not tell: its version and stored checksum."""
        return await self._listing.pin(source)

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        whole = Whole(end - start)
        await self.stream(source, start, end, whole)
        return whole.data

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink, in order, in one thread."""
        if start == end:
            return
        hangup = Hangup()
        await in_thread(self._threads, lambda: self._stream(source, start, end, sink, hangup), give_up=hangup)

    def close(self) -> None:
        """Ends threads and connections; what is being read is read to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._listing.close()

    def _stream(self, source: SourceObject, start: int, end: int, sink: ByteSink, hangup: Hangup) -> None:
        try:
            try:
                self._read(source, start, end, sink, hangup)
            except HttpRefusedError as error:
                if not is_elsewhere(error.status, error.code):
                    raise
                # This process has not listed the bucket: it goes on with what another one began.
                self._listing.look_elsewhere(source.bucket)
                self._read(source, start, end, sink, hangup)
        except HttpRefusedError as error:
            raise _refusal(error, source, self._listing.endpoint, self._reader) from error
        except HttpChangedError as error:
            raise SourceChangedError(str(source)) from error
        except (HttpBrokenError, HttpStrangeError) as error:
            raise UnavailableError(f"S3 at {self._listing.endpoint}", f"{source}: {error}") from error

    def _read(self, source: SourceObject, start: int, end: int, sink: ByteSink, hangup: Hangup) -> None:
        get = self._listing.signed(source)
        self._ranges.read(
            get.url,
            start,
            end,
            headers=get.headers,
            etag=source.etag,
            size_bytes=source.size_bytes,
            sink=sink,
            hangup=hangup,
        )


def _refusal(error: HttpRefusedError, source: SourceObject, endpoint: str, reader: str) -> Exception:
    if error.code in EXPIRED:
        return CredentialsExpiredError(f"S3 at {endpoint}", f"the credentials have expired ({error.code})")
    kinds: Mapping[int, Callable[[], Exception]] = {
        _NOT_FOUND: lambda: SourceMissingError(f"{source} is gone."),
        _PRECONDITION_FAILED: lambda: SourceChangedError(str(source)),
        _RANGE_UNKNOWN: lambda: SourceChangedError(str(source)),
    }
    if error.status in kinds:
        return kinds[error.status]()
    if may_pass(error.status, error.code):
        return UnavailableError(f"S3 at {endpoint}", str(error))
    if is_elsewhere(error.status, error.code):
        return SourceUnusableError(f"{source} is in another region or place than the server asks: {error}.")
    why = unreadable(source, error.status, error.code, error.text)
    return why or denied(
        reader, "read", str(source), "s3:GetObject", status=error.status, code=error.code, message=error.text
    )
