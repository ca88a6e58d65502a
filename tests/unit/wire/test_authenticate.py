"""Who sent a request."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from outcrop.errors import AuthenticationError
from outcrop.records import Principal
from outcrop.wire.authenticate import (
    BearerAuthenticator,
    FreshAuthenticator,
    Identity,
    SchemeAuthenticator,
    SigV4Authenticator,
    UnsignedAuthenticator,
)
from outcrop.wire.request import HttpRequest


def _identify(authenticator: Any, request: HttpRequest) -> Identity:
    return asyncio.run(authenticator.authenticate(request))


@pytest.fixture
def signed(principal: Principal, clock: Any) -> SigV4Authenticator:
    """Knows the principal."""
    return SigV4Authenticator({principal.access_key_id: principal}.get, clock)


@pytest.fixture
def bearing(principal: Principal, clock: Any) -> BearerAuthenticator:
    """Knows one long-term key of the principal."""
    return BearerAuthenticator({}.get, {"ABSKkey": principal}.get, clock, region="local")


def test_account_is_the_principals_and_region_the_scopes(
    signed: SigV4Authenticator, sign: Callable[..., HttpRequest], principal: Principal
) -> None:
    """The signature says who and where."""
    assert _identify(signed, sign(region="eu-west-1")) == Identity(
        principal_arn=principal.arn, account="123456789012", region="eu-west-1", access_key_id=principal.access_key_id
    )


@pytest.mark.parametrize("size_bytes", [1, 256 * 1024, 256 * 1024 + 1])
def test_bodies_of_all_sizes_are_hashed(
    signed: SigV4Authenticator, sign: Callable[..., HttpRequest], size_bytes: int
) -> None:
    """Large bodies are hashed in a thread, with the same result."""
    request = sign(method="POST", body=b"x" * size_bytes)

    assert _identify(signed, request).region == "us-east-1"
    with pytest.raises(AuthenticationError):
        _identify(signed, dataclasses.replace(request, body=b"y" + request.body[1:]))


def test_session_tokens_are_refused(signed: SigV4Authenticator, sign: Callable[..., HttpRequest]) -> None:
    """Outcrop issues none."""
    with pytest.raises(AuthenticationError) as caught:
        _identify(signed, sign(token="session"))

    assert caught.value.code == "UnrecognizedClientException"


def test_long_term_keys_are_looked_up(
    bearing: BearerAuthenticator, sign: Callable[..., HttpRequest], principal: Principal
) -> None:
    """A long-term key is its holder's, for the region of the server."""
    request = dataclasses.replace(sign(), headers={"authorization": "Bearer ABSKkey"})

    assert _identify(bearing, request) == Identity(
        principal_arn=principal.arn, account="123456789012", region="local", access_key_id=principal.access_key_id
    )


@pytest.mark.parametrize("token", ["ABSKother", "", "bedrock-api-key-x"])
def test_unknown_keys_are_denied(bearing: BearerAuthenticator, sign: Callable[..., HttpRequest], token: str) -> None:
    """AWS answers AccessDeniedException for keys that it does not know."""
    with pytest.raises(AuthenticationError) as caught:
        _identify(bearing, dataclasses.replace(sign(), headers={"authorization": f"Bearer {token}"}))

    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)


def test_the_scheme_chooses(
    signed: SigV4Authenticator, bearing: BearerAuthenticator, sign: Callable[..., HttpRequest]
) -> None:
    """Bearer tokens and signatures are served side by side."""
    either = SchemeAuthenticator(signed=signed, bearing=bearing)
    request = sign()

    assert _identify(either, request).region == "us-east-1"
    assert (
        _identify(either, dataclasses.replace(request, headers={"authorization": "Bearer ABSKkey"})).region == "local"
    )


def test_without_authentication_everybody_is_the_principal(
    principal: Principal, sign: Callable[..., HttpRequest]
) -> None:
    """`--auth none` believes everybody, and takes the region from a scope if there is one."""
    unsigned = UnsignedAuthenticator(principal, "us-west-2")

    assert _identify(unsigned, sign(region="eu-west-1")).region == "eu-west-1"
    assert _identify(unsigned, dataclasses.replace(sign(), headers={})).region == "us-west-2"
    assert _identify(unsigned, sign(region="NOT A REGION")).region == "us-west-2"
    assert _identify(unsigned, sign()).principal_arn == principal.arn


def _fresh(
    clock: Any, known: dict[str, Principal], newer: dict[str, Principal]
) -> tuple[FreshAuthenticator, list[float]]:
    """Knows some principals, and others once it is asked for newer ones; and the ages that it was asked for."""
    asked: list[float] = []

    async def refresh(*, older_than_s: float = 1.0) -> bool:
        asked.append(older_than_s)
        if older_than_s == 1.0 or known == newer:
            return False
        known.clear()
        known.update(newer)
        return True

    return FreshAuthenticator(SigV4Authenticator(known.get, clock), refresh), asked


def test_a_key_that_was_just_made_works_at_once(
    principal: Principal, clock: Any, sign: Callable[..., HttpRequest]
) -> None:
    """Before it refuses, it looks again."""
    fresh, asked = _fresh(clock, {}, {principal.access_key_id: principal})

    assert _identify(fresh, sign()).principal_arn == principal.arn
    assert len(asked) == 2


def test_nothing_newer_leaves_the_refusal(clock: Any, sign: Callable[..., HttpRequest]) -> None:
    """As it was."""
    fresh, _ = _fresh(clock, {}, {})

    with pytest.raises(AuthenticationError) as caught:
        _identify(fresh, sign())

    assert caught.value.code == "UnrecognizedClientException"
