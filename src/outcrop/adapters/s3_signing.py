"""Requests that read an object, made and signed by a client of boto3 and sent by somebody else.

A presigned URL would do, but botocore makes it for the region of the client and, at AWS, for the global endpoint,
wherever the bucket is (`_should_use_global_endpoint`, `ignore_signing_region`): a bucket that a redirect led to, a FIPS
endpoint and a young bucket outside us-east-1 could be listed, not read. So GetObject itself is asked for, and stopped
where the signed request would be sent (`before-send`, botocore's event for that).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient

_is_only_signed: ContextVar[bool] = ContextVar("is_only_signed", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedGet:
    """A GET of a whole object. Range and If-Match may be added: they are not signed."""

    url: str
    headers: Mapping[str, str]
    """With the signature, which is good for 15 minutes."""


class _StoppedError(Exception):
    def __init__(self, request: SignedGet) -> None:
        super().__init__("signed, and not sent")
        self.request = request


def can_sign(client: BaseClient) -> BaseClient:
    """Returns the S3 client, for which `signed_get` works from now on."""
    client.meta.events.register("before-send.s3.GetObject", _stop)
    return client


def signed_get(client: BaseClient, *, bucket: str, key: str) -> SignedGet:
    """Returns the request that reads an object, signed with the credentials of this moment. Sends nothing.

    Raises:
        BotoCoreError: there are no credentials, or they cannot be had.
    """
    token = _is_only_signed.set(True)
    try:
        client.get_object(Bucket=bucket, Key=key)
    except _StoppedError as stopped:
        return stopped.request
    finally:
        _is_only_signed.reset(token)
    raise RuntimeError("the client cannot sign: it did not go through can_sign")


def _stop(request: AWSPreparedRequest, **_: Any) -> None:
    if _is_only_signed.get():
        headers = {name: _text(value) for name, value in request.headers.items()}
        raise _StoppedError(SignedGet(url=str(request.url), headers=headers))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
