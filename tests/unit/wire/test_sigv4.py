"""Signatures: what botocore signs verifies, and nothing else does."""

import dataclasses
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.errors import AuthenticationError
from outcrop.records import Principal
from outcrop.wire.request import HttpRequest
from outcrop.wire.sigv4 import Verified, verify

TEXT = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=12)
SEGMENT = TEXT.map(lambda text: quote(text, safe=""))
RAW_SEGMENT = st.text(string.ascii_letters + string.digits + ":-._~!$&'()*+,;=@%20", min_size=1, max_size=12)
HEADER_NAME = st.sampled_from(["X-Amzn-Bedrock-Trace", "Content-Type", "Accept", "x-custom", "amz-sdk-invocation-id"])
HEADER_VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "DELETE"]),
        "path": st.lists(SEGMENT | RAW_SEGMENT, max_size=4).map(lambda parts: "/" + "/".join(parts)),
        "headers": st.dictionaries(HEADER_NAME, HEADER_VALUE, max_size=3),
        "body": st.binary(max_size=64),
        "region": st.sampled_from(["us-east-1", "eu-central-1", "local"]),
        "is_payload_signed": st.booleans(),
        "scheme": st.sampled_from(["http", "https"]),
    }
)
QUERY = st.dictionaries(TEXT.filter(bool), TEXT, max_size=3)
MANY = settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def _build(sign: Callable[..., HttpRequest], parts: dict[str, Any], **more: Any) -> HttpRequest:
    parts = dict(parts)
    url = f"{parts.pop('scheme')}://localhost:8025{parts.pop('path')}"
    return sign(url=url, **parts, **more)


@pytest.fixture(scope="session")
def check(principal: Principal, now: datetime) -> Callable[..., Verified]:
    """Verifies a request against the principal's key at the standing instant."""

    def find_secret(access_key_id: str, session_token: str | None) -> str | None:
        known = access_key_id == principal.access_key_id and session_token is None
        return principal.secret_access_key if known else None

    return lambda request, at=now: verify(request, find_secret, at)


def _refusal(check: Callable[..., Verified], request: HttpRequest, **at: Any) -> tuple[str, str]:
    with pytest.raises(AuthenticationError) as caught:
        check(request, **at)
    return caught.value.code, caught.value.message


@MANY
@given(parts=REQUESTS, query=QUERY)
def test_what_botocore_signs_verifies(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], parts: dict[str, Any], query: Any
) -> None:
    """Any path, query, headers, body and region, with the payload signed or, over TLS, not."""
    verified = check(_build(sign, parts, params=query or None))

    assert verified.region == parts["region"]


@MANY
@given(parts=REQUESTS, query=st.text("abc%+=&:/ A0~*'", max_size=20))
def test_queries_in_urls_verify_as_they_stand(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], parts: dict[str, Any], query: Any
) -> None:
    """Botocore signs a query that is part of a URL without encoding it anew."""
    parts = {**parts, "path": f"{parts['path']}?{query.replace(' ', '%20')}"}

    check(_build(sign, parts))


@MANY
@given(parts=REQUESTS, query=QUERY)
def test_what_botocore_presigns_verifies(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], parts: dict[str, Any], query: Any
) -> None:
    """The query form covers method, path, query and signed headers."""
    parts = {**parts, "body": b"", "is_payload_signed": True}

    check(_build(sign, parts, params=query or None, presign_s=300))


def _flip(text: str, position: int) -> str:
    """Changes one character of a text to another of the same kind."""
    position %= len(text)
    other = "b" if text[position] != "b" else "c"
    return text[:position] + other + text[position + 1 :]


@MANY
@given(
    parts=REQUESTS.filter(lambda parts: parts["body"]),
    part=st.sampled_from(["method", "raw_path", "query", "body", "host", "x-amz-date", "signature", "signed_header"]),
    position=st.integers(0, 500),
)
def test_any_change_to_a_signed_part_fails(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], parts: dict[str, Any], part: str, position: int
) -> None:
    """Method, path, query, body, host, time, signature and signed headers are all covered."""
    parts = {**parts, "headers": {"x-custom": "value"}, "is_payload_signed": True}
    request = _build(sign, parts, params={"q": "v"})
    headers = dict(request.headers)
    changed = {"headers": headers}
    if part == "method":
        changed["method"] = "PUT"
    elif part == "raw_path":
        changed["raw_path"] = request.raw_path + b"b"
    elif part == "query":
        changed["query"] = request.query + b"&more=1"
    elif part == "body":
        changed["body"] = request.body + b"b"
    elif part == "x-amz-date":
        headers[part] = "20260102T030406Z"
    elif part == "signature":
        front, _, signature = headers["authorization"].partition("Signature=")
        headers["authorization"] = f"{front}Signature={_flip(signature, position)}"
    else:
        name = "x-custom" if part == "signed_header" else part
        headers[name] = _flip(headers[name], position)

    code, message = _refusal(check, dataclasses.replace(request, **changed))

    assert code == "InvalidSignatureException"
    assert message.startswith("The request signature we calculated does not match")


def test_a_wrong_secret_fails(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], principal: Principal
) -> None:
    """Knowing the access key id is not enough."""
    forged = sign(principal=dataclasses.replace(principal, secret_access_key="guess"))

    assert _refusal(check, forged)[0] == "InvalidSignatureException"


def test_unknown_keys_are_unrecognised(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], principal: Principal
) -> None:
    """A key that nobody has is UnrecognizedClientException, in AWS's words."""
    request = sign(principal=dataclasses.replace(principal, access_key_id="AKIANOBODY"))

    assert _refusal(check, request) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    )


@pytest.mark.parametrize("presign_s", [None, 60])
def test_session_tokens_are_unrecognised_unless_known(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], presign_s: int | None
) -> None:
    """A request with a session token is not the long-term key's, even when its signature would hold."""
    assert _refusal(check, sign(token="session", presign_s=presign_s))[0] == "UnrecognizedClientException"


def test_known_session_tokens_verify(sign: Callable[..., HttpRequest], principal: Principal, now: datetime) -> None:
    """The look-up decides by key and token together."""
    find = {(principal.access_key_id, "session"): principal.secret_access_key}

    verified = verify(sign(token="session"), lambda key, token: find.get((key, token)), now)

    assert verified.access_key_id == principal.access_key_id


@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_may_differ_by_five_minutes(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], now: datetime, minutes: int
) -> None:
    """Five minutes either way are allowed."""
    assert check(sign(), at=now + timedelta(minutes=minutes)).region == "us-east-1"


def test_old_signatures_are_expired(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], now: datetime
) -> None:
    """AWS's words, from which clients correct their clocks."""
    assert _refusal(check, sign(), at=now + timedelta(minutes=5, seconds=1)) == (
        "InvalidSignatureException",
        "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)",
    )


def test_signatures_of_the_future_are_not_yet_current(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], now: datetime
) -> None:
    """The other way round."""
    assert _refusal(check, sign(), at=now - timedelta(minutes=5, seconds=1)) == (
        "InvalidSignatureException",
        "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T025904Z + 5 min.)",
    )


def test_presigned_urls_live_as_long_as_they_say(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], now: datetime
) -> None:
    """X-Amz-Expires counts from the time of signing."""
    request = sign(presign_s=3600)

    check(request, at=now + timedelta(seconds=3600))
    assert "Signature expired" in _refusal(check, request, at=now + timedelta(seconds=3601))[1]


@pytest.mark.parametrize(
    ("service", "region", "said"),
    [
        ("s3", "us-east-1", "Credential should be scoped to correct service: 'bedrock'."),
        ("bedrock-runtime", "us-east-1", "Credential should be scoped to correct service: 'bedrock'."),
        ("bedrock", "US EAST", "Credential should be scoped to a valid region, not 'US EAST'."),
        ("bedrock", "r" * 21, "Credential should be scoped to a valid region"),
    ],
)
def test_scopes_for_elsewhere_are_refused(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], service: str, region: str, said: str
) -> None:
    """The signing name of both services is bedrock (SPEC 1.6); a region is 1 to 20 of [a-z0-9-], as in ARNs."""
    code, message = _refusal(check, sign(service=service, region=region))

    assert code == "InvalidSignatureException"
    assert said in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("/20260102/", "/20260101/", "Date in Credential scope does not match"),
        ("/aws4_request", "/aws5_request", "valid terminator: 'aws4_request', not 'aws5_request'"),
        (
            "SignedHeaders=host;x-amz-date",
            "SignedHeaders=x-amz-date",
            "'Host' or ':authority' must be a 'SignedHeader'",
        ),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "Unsupported AWS 'algorithm'"),
    ],
)
def test_other_terms_are_refused(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], old: str, new: str, said: str
) -> None:
    """Date, terminator, host and algorithm have AWS's words each."""
    request = sign()
    headers = {**request.headers, "authorization": request.headers["authorization"].replace(old, new)}

    _, message = _refusal(check, dataclasses.replace(request, headers=headers))

    assert said in message


def test_an_unsigned_payload_must_be_signed_as_such(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified]
) -> None:
    """UNSIGNED-PAYLOAD counts only where the header that says so is signed: nobody can add it on the way."""
    signed = sign(method="POST", url="https://localhost/x", body=b"1", is_payload_signed=False)
    added = sign(method="POST", url="https://localhost/x", body=b"1")
    headers = {**added.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}

    assert check(dataclasses.replace(signed, body=b"2")).region == "us-east-1"
    assert "UNSIGNED-PAYLOAD" in _refusal(check, dataclasses.replace(added, headers=headers))[1]


def test_signed_headers_that_are_missing_fail(sign: Callable[..., HttpRequest], check: Callable[..., Verified]) -> None:
    """A proxy that drops a signed header breaks the signature."""
    request = sign(headers={"x-custom": "value"})
    headers = {name: value for name, value in request.headers.items() if name != "x-custom"}

    assert _refusal(check, dataclasses.replace(request, headers=headers))[0] == "InvalidSignatureException"


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/./a/", "//", "/a/.%2E/b"])
def test_paths_are_normalised_as_botocore_does(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], path: str
) -> None:
    """Dot segments and doubled slashes are taken out before signing."""
    check(sign(url=f"http://localhost{path}"))


@MANY
@given(
    authorization=st.text(st.characters(max_codepoint=0xFF), max_size=60).map(lambda text: "AWS4-HMAC-SHA256 " + text)
    | st.text(st.characters(max_codepoint=0xFF), max_size=60),
    query=st.binary(max_size=60).map(lambda tail: b"X-Amz-Signature=" + tail) | st.binary(max_size=40),
    date=st.text(st.characters(max_codepoint=0xFF), max_size=20),
)
def test_no_header_or_query_breaks_it(
    sign: Callable[..., HttpRequest], check: Callable[..., Verified], authorization: str, query: Any, date: str
) -> None:
    """Whatever a stranger writes is refused, and nothing else is raised."""
    headers = {"host": "h", "authorization": authorization, "x-amz-date": date}

    with pytest.raises(AuthenticationError):
        check(dataclasses.replace(sign(), headers=headers, query=query))


class _Http2Auth(SigV4Auth):
    """Signs as the JavaScript SDK does over HTTP/2: the pseudo-header in the place of host."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Renames one header."""
        signed = super().headers_to_sign(request)
        host = signed["host"]
        del signed["host"]
        signed[":authority"] = host
        return signed


def test_over_http_2_the_authority_is_signed(
    check: Callable[..., Verified], principal: Principal, now: datetime
) -> None:
    """The JavaScript SDK's runtime client signs :authority; another host in its place is noticed."""
    request = AWSRequest(method="POST", url="http://localhost:8025/model/m/invoke", data=b"{}")
    with patch("botocore.auth.get_current_datetime", return_value=now):
        _Http2Auth(Credentials(principal.access_key_id, principal.secret_access_key), "bedrock", "us-east-1").add_auth(
            request
        )
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert "SignedHeaders=:authority;" in headers["authorization"]

    def sent_to(host: str) -> HttpRequest:
        return HttpRequest(
            method="POST", raw_path=b"/model/m/invoke", query=b"", headers={**headers, "host": host}, body=b"{}"
        )

    assert check(sent_to("localhost:8025")).access_key_id == principal.access_key_id
    assert _refusal(check, sent_to("localhost:8026"))[0] == "InvalidSignatureException"
