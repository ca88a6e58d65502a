"""Tries an S3 store layer by layer, for `outcrop doctor`: thin, and blocks. What the facts mean, doctor/ decides."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies

from outcrop.adapters.aws_trust import ca_bundle
from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.http_ranges import Hangup, HttpChangedError, HttpRanges, HttpRefusedError
from outcrop.adapters.http_whole import WholeResponse, is_web_page
from outcrop.adapters.s3_causes import cause_of, of_socket_error
from outcrop.adapters.s3_errors import FALLBACK_REGION
from outcrop.adapters.s3_redirects import follow_once
from outcrop.adapters.s3_signing import can_sign, signed_get
from outcrop.adapters.whole import Whole
from outcrop.doctor import causes
from outcrop.doctor.causes import Asked, Cause, Layer

TIMEOUT_S = 10.0
LISTED = 20
_PRECONDITION_FAILED = 412
_BODY_BYTES = 4096
_TLS_RECORD = b"\x15\x03"
"""How a TLS server answers what is not TLS: an alert."""


class BrokenLayerError(Exception):
    """A try failed; `cause` says why."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a store answers to somebody whom it does not know."""

    is_s3: bool
    server: str
    date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object of a list."""

    key: str
    size_bytes: int
    etag: str


class S3Probe:
    """One store, as a session and an endpoint lead to it."""

    def __init__(
        self,
        session: boto3.Session,
        environment: Mapping[str, str],
        *,
        endpoint_url: str | None,
        bucket: str,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Connects nothing yet.

        Args:
            session: credentials, region, and the endpoint where none is given.
            environment: the AWS variables of the process.
            endpoint_url: where the store is; None: as the session says.
            bucket: the bucket that will be asked for.
            timeout_s: longest time for each step.

        Raises:
            BrokenLayerError: the endpoint cannot be one.
        """
        self._session = whole_answers(session)
        self._bundle = ca_bundle(session, environment)
        self._timeout_s = timeout_s
        self._bucket = bucket
        config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": 1},
            signature_version="s3v4",
            response_checksum_validation="when_required",
        )
        try:
            region = session.region_name or FALLBACK_REGION
            client = session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)
            self._client: Any = can_sign(follow_once(client))
        except (ValueError, BotoCoreError) as error:
            named = endpoint_url or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
            raise BrokenLayerError(causes.of_endpoint(named, bucket) or causes.of_endpoint("", bucket)) from error  # type: ignore[arg-type]  # of an empty one there is a cause
        self.endpoint = str(self._client.meta.endpoint_url)
        parts = urlsplit(self.endpoint)
        self.is_tls = parts.scheme == "https"
        self.host = parts.hostname or ""
        self._port = parts.port or (443 if self.is_tls else 80)
        proxies = get_environ_proxies(self.endpoint)
        self.proxy: str | None = proxies.get(parts.scheme)
        if self.proxy is not None:
            way = urlsplit(self.proxy)
            self.host, self._port = way.hostname or "", way.port or 80

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return str(self._client.meta.region_name)

    @property
    def place(self) -> str:
        """Host and port that are connected to."""
        return f"{self.host}:{self._port}"

    def resolve(self) -> list[str]:
        """Returns the addresses of the host. Raises BrokenLayerError."""
        try:
            found = socket.getaddrinfo(self.host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise self._broken(error) from error
        return sorted({str(entry[4][0]) for entry in found})

    def connect(self) -> None:
        """Opens a connection, and closes it. Raises BrokenLayerError."""
        try:
            socket.create_connection((self.host, self._port), self._timeout_s).close()
        except OSError as error:
            raise self._broken(error) from error

    def trust(self) -> datetime | None:
        """Makes a TLS connection with the authorities that imports trust; returns when the certificate expires."""
        try:
            context = ssl.create_default_context(cafile=self._bundle or _built_in_bundle())
        except OSError as error:
            raise BrokenLayerError(causes.of_bundle(self._bundle or "")) from error
        try:
            with (
                closing(socket.create_connection((self.host, self._port), self._timeout_s)) as plain,
                context.wrap_socket(plain, server_hostname=self.host) as secure,
            ):
                told = secure.getpeercert() or {}
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        expires = told.get("notAfter")
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(expires)), UTC) if expires else None

    def greet(self) -> Reply:
        """Asks for the list of buckets without a signature: an S3 store refuses it, or not, in XML."""
        parts = urlsplit(self.endpoint)
        made = http.client.HTTPSConnection if self.is_tls else http.client.HTTPConnection
        options: dict[str, Any] = {"timeout": self._timeout_s}
        if self.is_tls:
            options["context"] = ssl.create_default_context(cafile=self._bundle or _built_in_bundle())
        connection = made(parts.netloc, **options)
        connection.response_class = WholeResponse
        try:
            connection.request("GET", parts.path or "/", headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            body = answer.read(_BODY_BYTES)
        except http.client.BadStatusLine as error:
            if self.is_tls:
                raise self._broken(ConnectionResetError()) from error
            raise BrokenLayerError(causes.of_tls_server(self.host, self._port)) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        finally:
            connection.close()
        headers = answer.headers
        is_page = is_web_page(headers.get("Content-Type"))
        is_s3 = not is_page and (
            b"<Error" in body or b"ListAllMyBucketsResult" in body or "x-amz-request-id" in headers
        )
        return Reply(is_s3=is_s3, server=headers.get("Server", ""), date=_date(headers.get("Date")))

    def credentials(self) -> str:
        """Returns where in the chain credentials were found; never what they are. Raises BrokenLayerError."""
        try:
            found: Any = self._session.get_credentials()
            frozen = None if found is None else found.get_frozen_credentials()
        except BotoCoreError as error:
            raise BrokenLayerError(
                Cause(
                    layer=Layer.CREDENTIALS,
                    what=f"The credentials that the AWS settings name cannot be had: {error}.",
                    cure="Mend the profile that AWS_PROFILE or ~/.aws/config names, or set the keys themselves.",
                )
            ) from error
        if frozen is None:
            raise BrokenLayerError(causes.no_credentials())
        return str(found.method)

    def list(self, prefix: str) -> list[Listed]:
        """Returns the first objects under a prefix. Raises BrokenLayerError."""
        try:
            answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=LISTED)
        except (ClientError, BotoCoreError, ResponseParserError, OSError) as error:
            raise self._refused(error, "s3:ListBucket") from error
        if "IsTruncated" not in answer:
            raise BrokenLayerError(causes.not_s3(self.endpoint, "what it answered is no list"))
        return [
            Listed(key=entry["Key"], size_bytes=entry["Size"], etag=entry["ETag"])
            for entry in answer.get("Contents", ())
        ]

    @property
    def addressing(self) -> str:
        """How a bucket is named in requests: `path` or `virtual`."""
        host = urlsplit(signed_get(self._client, bucket=self._bucket, key="k").url).hostname or ""
        return "virtual" if host.startswith(f"{self._bucket}.") else "path"

    def read(self, item: Listed) -> bool:
        """Reads the first bytes of an object as imports do; returns whether the store minds If-Match."""
        self._range(item, item.etag)
        try:
            self._range(item, '"00000000000000000000000000000000"')
        except HttpRefusedError as error:
            return error.status == _PRECONDITION_FAILED
        except HttpChangedError:
            return False
        return False

    def checksum(self, item: Listed) -> str | None:
        """Returns the name of the checksum that the store keeps of an object. Raises BrokenLayerError."""
        try:
            head = self._client.head_object(
                Bucket=self._bucket, Key=item.key, IfMatch=item.etag, ChecksumMode="ENABLED"
            )
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise self._refused(error, "s3:GetObject") from error
        return next(
            (name.removeprefix("Checksum") for name in head if name.startswith("Checksum") and name != "ChecksumType"),
            None,
        )

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def _range(self, item: Listed, etag: str) -> None:
        ranges = HttpRanges(ca_bundle=self._bundle, connect_s=self._timeout_s, stall_s=self._timeout_s)
        end = min(item.size_bytes, 16)
        get = signed_get(self._client, bucket=self._bucket, key=item.key)
        try:
            ranges.read(
                get.url,
                0,
                end,
                headers=get.headers,
                etag=etag,
                size_bytes=item.size_bytes,
                sink=Whole(end),
                hangup=Hangup(),
            )
        except HttpRefusedError as error:
            if error.status == _PRECONDITION_FAILED:
                raise
            refusal = causes.Refusal(status=error.status, code=error.code)
            raise BrokenLayerError(causes.of_refusal(refusal, self._asked("s3:GetObject"))) from error
        except HttpChangedError:
            raise
        except Exception as error:
            raise BrokenLayerError(
                Cause(
                    layer=Layer.OBJECTS,
                    what=f"s3://{self._bucket}/{item.key} could not be read by a range: {error}.",
                    cure="Use a store (and a proxy before it) that answers ranged GET requests.",
                )
            ) from error

    def _asked(self, action: str) -> Asked:
        return Asked(endpoint=self.endpoint, bucket=self._bucket, action=action, region=self.region)

    def _refused(self, error: Any, action: str) -> BrokenLayerError:
        return BrokenLayerError(cause_of(error, self._asked(action), bundle=self._bundle))

    def _broken(self, error: BaseException) -> BrokenLayerError:
        found = of_socket_error(error, host=self.host, port=self._port, bundle=self._bundle)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return BrokenLayerError(found or causes.of_connection(self.host, self._port, reason))


def _built_in_bundle() -> str:
    """Returns the list of authorities that boto3 trusts where none is named: certifi's, or botocore's own."""
    return str(get_cert_path(verify=True))


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
