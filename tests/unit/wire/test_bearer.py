"""Bedrock API keys."""

import base64
import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from outcrop.errors import AuthenticationError
from outcrop.records import Principal
from outcrop.wire.bearer import is_bearing, is_short_term, read_token, verify_short_term
from outcrop.wire.request import HttpRequest
from outcrop.wire.sigv4 import Verified


@pytest.fixture(scope="session")
def make_key(now: datetime) -> Callable[..., Any]:
    """Makes a short-term key as aws-bedrock-token-generator makes it."""

    def _make_key(
        principal: Principal,
        *,
        action: str = "CallWithBearerToken",
        host: str = "bedrock.amazonaws.com",
        region: str = "eu-west-1",
    ) -> str:
        request = AWSRequest(method="POST", url=f"https://{host}/", headers={"host": host}, params={"Action": action})
        credentials = Credentials(principal.access_key_id, principal.secret_access_key)
        with patch("botocore.auth.get_current_datetime", return_value=now):
            SigV4QueryAuth(credentials, "bedrock", region, expires=43200).add_auth(request)
        url = request.url.replace("https://", "") + "&Version=1"
        return "bedrock-api-key-" + base64.b64encode(url.encode()).decode()

    return _make_key


@pytest.fixture(scope="session")
def check(principal: Principal, now: datetime) -> Callable[..., Verified]:
    """Verifies a short-term key."""
    secrets = {principal.access_key_id: principal.secret_access_key}
    return lambda token, at=now: verify_short_term(token, lambda key, _: secrets.get(key), at)


def _refusal(check: Callable[..., Verified], token: str, **at: Any) -> str:
    with pytest.raises(AuthenticationError) as caught:
        check(token, **at)
    assert caught.value.code == "AccessDeniedException"
    return caught.value.message


def test_short_term_keys_verify(
    make_key: Callable[..., Any], check: Callable[..., Verified], principal: Principal, now: datetime
) -> None:
    """A key that a known principal made is good for twelve hours, in the region that it was made for."""
    token = make_key(principal)

    verified = check(token, at=now + timedelta(hours=12))

    assert (verified.access_key_id, verified.region) == (principal.access_key_id, "eu-west-1")


def test_expired_keys_say_so(
    make_key: Callable[..., Any], check: Callable[..., Verified], principal: Principal, now: datetime
) -> None:
    """AWS's words."""
    assert _refusal(check, make_key(principal), at=now + timedelta(hours=12, seconds=1)) == "Bearer Token has expired"


def test_forged_and_foreign_keys_are_refused(
    make_key: Callable[..., Any], check: Callable[..., Verified], principal: Principal
) -> None:
    """A wrong secret, an unknown principal, another action and another host are all no key."""
    tokens = [
        make_key(dataclasses.replace(principal, secret_access_key="guess")),
        make_key(dataclasses.replace(principal, access_key_id="AKIANOBODY")),
        make_key(principal, action="GetModelImportJob"),
        make_key(principal, host="example.com"),
    ]

    for token in tokens:
        assert "API Key is valid" in _refusal(check, token)


def test_keys_from_the_end_of_the_calendar_are_refused(check: Callable[..., Verified]) -> None:
    """A time to which nothing can be added is no way to a fault of ours."""
    query = (
        "Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/99991231/r/bedrock/aws4_request"
        "&X-Amz-Date=99991231T235959Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    )
    token = "bedrock-api-key-" + base64.b64encode(f"bedrock.amazonaws.com/?{query}".encode()).decode()

    assert "API Key is valid" in _refusal(check, token)


@pytest.mark.parametrize(
    "rest", ["", "%%%", "\u00e9", base64.b64encode(b"bedrock.amazonaws.com/").decode(), "A" * 9000]
)
def test_what_is_no_key_is_refused(check: Callable[..., Verified], rest: str) -> None:
    """Broken base64, an empty query and endless tokens."""
    assert "API Key is valid" in _refusal(check, "bedrock-api-key-" + rest)


def test_tokens_are_found_in_their_header(sign: Callable[..., HttpRequest]) -> None:
    """The scheme's name has no case; short-term keys show by their beginning."""
    request = dataclasses.replace(sign(), headers={"authorization": "bearer bedrock-api-key-x"})

    assert is_bearing(request)
    assert not is_bearing(sign())
    assert read_token(request) == "bedrock-api-key-x"
    assert is_short_term(read_token(request))
    assert not is_short_term("ABSK")
