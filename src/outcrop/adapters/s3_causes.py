"""From botocore's errors to the cause: which layer between here and a bucket is broken (doctor/causes.py)."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import WebPageError
from outcrop.adapters.http_whole import is_web_page
from outcrop.adapters.s3_errors import reason_of
from outcrop.doctor import causes
from outcrop.doctor.causes import Asked, Cause, Layer, Refusal


def refusal_of(error: ClientError) -> Refusal:
    """Returns the facts of a refusal."""
    answer, told = error.response.get("ResponseMetadata", {}), error.response.get("Error", {})
    headers = answer.get("HTTPHeaders", {})
    return Refusal(
        status=int(answer.get("HTTPStatusCode", 0)),
        code=_code(str(told.get("Code", ""))),
        region=str(headers.get("x-amz-bucket-region") or told.get("Region") or ""),
        moved_to=str(headers.get("location", "")),
        is_page=is_web_page(headers.get("content-type")),
    )


def cause_of(error: Exception, asked: Asked, *, bundle: str | None) -> Cause:
    """Returns what is broken.

    Args:
        error: what a call raised: a ClientError, a BotoCoreError or a ResponseParserError.
        asked: what was asked for.
        bundle: the file of certificate authorities that was used; None: the built-in list.
    """
    if isinstance(error, ClientError):
        return causes.of_refusal(refusal_of(error), asked)
    if isinstance(error, (WebPageError, ResponseParserError)):
        return causes.not_s3(asked.endpoint, reason_of(error))
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return causes.no_credentials()
    # The URL of the request, where the error holds it: its host may begin with the bucket.
    place = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url") or asked.endpoint))
    port = place.port or (443 if place.scheme == "https" else 80)
    return _unanswered(error, host=place.hostname or "", port=port, bundle=bundle) or Cause(
        layer=Layer.CONNECTION,
        what=f"There was no answer from {asked.endpoint}: {type(error).__name__}.",
        cure="Look into the store's log, and what lies between.",
        may_pass=True,
    )


def of_socket_error(error: BaseException, *, host: str, port: int, bundle: str | None) -> Cause | None:
    """Returns what is broken, of an error of resolving, connecting or of TLS; None for another error."""
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, host=host, port=port, bundle=bundle)
    if isinstance(error, socket.gaierror):
        return causes.of_name(host, may_pass=error.errno == socket.EAI_AGAIN)
    if isinstance(error, TimeoutError):
        return causes.of_connection(host, port, "nobody answers")
    if isinstance(error, OSError) and error.errno in _UNREACHED:
        return causes.of_connection(host, port, os.strerror(error.errno).lower())
    return None


_PLAIN = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL says of a server that answers in something else than TLS."""


def _of_tls(error: ssl.SSLError, *, host: str, port: int, bundle: str | None) -> Cause:
    if isinstance(error, ssl.SSLCertVerificationError):
        return causes.of_certificate(host, error.verify_code, bundle=bundle)
    if error.reason in _PLAIN:
        return causes.of_plain_server(host, port)
    return Cause(
        layer=Layer.CERTIFICATE,
        what=f"{host}:{port} and this machine do not agree on TLS: {error.reason or 'no reason is given'}.",
        cure="Let the store speak TLS 1.2 or newer.",
    )


_UNREACHED = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ECONNRESET, errno.EACCES}
)


def _unanswered(error: BaseException, *, host: str, port: int, bundle: str | None) -> Cause | None:
    for found in _chain(error):
        cause = of_socket_error(found, host=host, port=port, bundle=bundle)
        if cause is not None:
            return cause
    if bundle is not None and not _is_bundle(bundle):
        return causes.of_bundle(bundle)
    if isinstance(error, ProxyConnectionError):
        return causes.of_connection(host, port, "its proxy does not lead there")
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return causes.of_connection(host, port, "nobody answers")
    if isinstance(error, EndpointConnectionError):
        return causes.of_connection(host, port, "there is no connection")
    return None


def _is_bundle(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # ssl.SSLError is one
        return False
    return True


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that it was made from: urllib3 and botocore keep them in several places."""
    pending, seen = [error], set[int]()
    while pending:
        found = pending.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        kept = (found.__cause__, found.__context__, getattr(found, "reason", None), *found.args)
        told = getattr(found, "kwargs", None)
        pending += [item for item in (*kept, *(told or {}).values()) if isinstance(item, BaseException)]


def _code(code: str) -> str:
    """HEAD and answers without a body: botocore takes the status, or its reason, for a code."""
    return "" if code.isdecimal() or code in ("Forbidden", "Not Found", "Bad Request", "Moved Permanently") else code
