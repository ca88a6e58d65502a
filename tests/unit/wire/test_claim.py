"""What a request says of its signature, and AWS's answers to what it does not say."""

import dataclasses
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from outcrop.errors import AuthenticationError
from outcrop.wire.claim import read_claim, read_scope
from outcrop.wire.request import HttpRequest


def _refusal(request: HttpRequest, **headers: dict[str, Any]) -> tuple[str, str]:
    """Returns code and message for a request whose headers were changed; None takes one away."""
    changed = {name: value for name, value in {**request.headers, **headers}.items() if value is not None}
    with pytest.raises(AuthenticationError) as caught:
        read_claim(dataclasses.replace(request, headers=changed))
    return caught.value.code, caught.value.message


def test_a_header_claim_has_all_its_parts(sign: Callable[..., HttpRequest], now: datetime) -> None:
    """Credential scope, signed headers, signature and time are read from the two headers."""
    claim = read_claim(sign())

    assert (claim.scope.access_key_id, claim.scope.date, claim.scope.region) == (
        "AKIAIOSFODNN7EXAMPLE",
        "20260102",
        "us-east-1",
    )
    assert claim.signed_headers == ("host", "x-amz-date")
    assert claim.signed_at == now
    assert (claim.expires_s, claim.session_token) == (None, None)


def test_a_query_claim_has_all_its_parts(sign: Callable[..., HttpRequest], now: datetime) -> None:
    """A presigned URL says the same in its query."""
    claim = read_claim(sign(presign_s=60, token="session"))

    assert (claim.scope.region, claim.signed_at, claim.expires_s) == ("us-east-1", now, 60)
    assert claim.session_token == "session"


@pytest.mark.parametrize("zone", ["-0000", "GMT", "+0000"])
def test_a_date_header_serves_as_time(
    sign: Callable[..., HttpRequest], now: datetime, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time may stand in an RFC 1123 Date header, whatever the zone of the server."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    request = sign()
    headers = {**request.headers, "date": f"Fri, 02 Jan 2026 03:04:05 {zone}"}
    del headers["x-amz-date"]

    claim = read_claim(dataclasses.replace(request, headers=headers))

    monkeypatch.undo()
    time.tzset()
    assert claim.timestamp == "20260102T030405Z"
    assert claim.signed_at == now


def test_a_date_header_of_botocore_serves_as_time(sign: Callable[..., HttpRequest], now: datetime) -> None:
    """The client keeps to the Date header when the request has one."""
    assert read_claim(sign(headers={"Date": "x"})).signed_at == now


@pytest.mark.parametrize("names", ["host\nx", "host;;x", ";", "host:1", "host x", "h\u00f6st"])
def test_what_is_no_header_name_is_refused(sign: Callable[..., HttpRequest], names: str) -> None:
    """A line break in a name could pass for another header in what is signed."""
    request = sign(presign_s=60)
    query = request.query.replace(b"SignedHeaders=host", f"SignedHeaders={quote(names)}".encode())

    code, _ = _refusal(dataclasses.replace(request, query=query))

    assert code == "IncompleteSignatureException"


@pytest.mark.parametrize("authorization", [None, "", "Basic dXNlcg==", "Bearer", "AWS something"])
def test_unsigned_requests_have_no_token(sign: Callable[..., HttpRequest], authorization: str | None) -> None:
    """Nothing, and other schemes, are missing authentication."""
    assert _refusal(sign(), authorization=authorization) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


def test_missing_parameters_are_all_named(sign: Callable[..., HttpRequest]) -> None:
    """AWS lists every parameter that the header lacks."""
    code, message = _refusal(sign(), **{"authorization": "AWS4-HMAC-SHA256 A=b", "x-amz-date": None})

    assert code == "IncompleteSignatureException"
    assert message == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a "
        "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"
    )


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "missing equal-sign"),
        (
            {"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c,SignedHeaders=host,Signature=x"},
            "exactly 5 slash-delimited",
        ),
        ({"x-amz-date": "today"}, "Date must be in ISO-8601 'basic format'. Got 'today'."),
        ({"x-amz-date": "20261399T000000Z"}, "Got '20261399T000000Z'"),
        ({"x-amz-date": None, "date": "yesterday"}, "Got 'yesterday'"),
        ({"x-amz-date": None, "date": "Fri, 31 Dec 9999 23:59:59 -2359"}, "Date must be"),
    ],
)
def test_malformed_claims_are_incomplete_signatures(
    sign: Callable[..., HttpRequest], headers: dict[str, Any], said: str
) -> None:
    """What is not of SigV4's form is IncompleteSignatureException, and says what is wrong."""
    code, message = _refusal(sign(), **headers)

    assert code == "IncompleteSignatureException"
    assert said in message


def test_two_claims_are_one_too_many(sign: Callable[..., HttpRequest]) -> None:
    """A presigned URL with an Authorization header is ambiguous."""
    request = dataclasses.replace(sign(), query=sign(presign_s=60).query)

    code, message = _refusal(request)

    assert code == "InvalidSignatureException"
    assert "Found both" in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"X-Amz-Expires=60", b"X-Amz-Expires=sixty"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=-1"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=604801"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=99999999999999"),
        (b"X-Amz-Expires=60", b""),
        (b"X-Amz-Date=2026", b"X-Amz-Date=%ff"),
    ],
)
def test_malformed_presigned_claims_are_incomplete_signatures(
    sign: Callable[..., HttpRequest], old: bytes, new: bytes
) -> None:
    """The query form has its own members, each with its rule; seven days are the longest life."""
    request = sign(presign_s=60)

    code, _ = _refusal(dataclasses.replace(request, query=request.query.replace(old, new)))

    assert code == "IncompleteSignatureException"


def test_a_scope_is_read_without_judging(sign: Callable[..., HttpRequest]) -> None:
    """Servers without authentication take the region from whatever scope there is."""
    request = sign(region="eu-west-1")

    assert read_scope(request).region == "eu-west-1"
    assert read_scope(dataclasses.replace(request, headers={})) is None
