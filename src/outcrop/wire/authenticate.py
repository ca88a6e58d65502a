"""Who is asking: the port that the gateway calls, and its implementations for signed, bearer and unsigned requests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from outcrop.errors import AuthenticationError
from outcrop.ports import Clock
from outcrop.records import Principal
from outcrop.wire import bearer, sigv4
from outcrop.wire.claim import read_scope
from outcrop.wire.request import HttpRequest

FindPrincipal = Callable[[str], Principal | None]
"""From an access key id, or from an API key, to its holder; None for unknown ones."""

_REFUSAL_FRESH_S = 0.05
"""So that a flood of wrong keys asks the catalog twenty times a second and not more."""

_HASHED_HERE_BYTES = 256 * 1024
"""Larger bodies are hashed in a thread, so that 25 MB of them (15 ms and more) do not hold up every other request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose request this is, and the region that it is for."""

    principal_arn: str
    account: str
    region: str
    access_key_id: str


class Refresh(Protocol):
    """Reads the principals anew, if what is known is older than this and has changed; says whether it had."""

    async def __call__(self, *, older_than_s: float = ...) -> bool:
        """Raises UnavailableError."""
        ...


class Authenticator(Protocol):
    """Finds out who sent a request."""

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Returns the sender. Raises AuthenticationError when the request does not prove who that is."""
        ...


class SigV4Authenticator:
    """Accepts what a known principal has signed; session tokens are refused, since Outcrop issues none."""

    def __init__(self, find_principal: FindPrincipal, clock: Clock) -> None:
        self._find_principal = find_principal
        self._find_secret = _secrets_of(find_principal)
        self._clock = clock

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Verifies the signature; account from the principal, region from the credential scope."""
        if len(request.body) <= _HASHED_HERE_BYTES:
            body_sha256 = sigv4.hash_body(request.body)
        else:
            body_sha256 = await asyncio.to_thread(sigv4.hash_body, request.body)
        verified = sigv4.verify(request, self._find_secret, self._clock.now(), body_sha256=body_sha256)
        return _identity(self._find_principal(verified.access_key_id), verified.region)


class BearerAuthenticator:
    """Accepts Bedrock API keys: short-term ones are presigned by a principal, long-term ones are looked up.

    A long-term key names no region; requests with one are for the region of this server.
    """

    def __init__(
        self, find_principal: FindPrincipal, find_api_key: FindPrincipal, clock: Clock, *, region: str
    ) -> None:
        self._find_principal = find_principal
        self._find_secret = _secrets_of(find_principal)
        self._find_api_key = find_api_key
        self._clock = clock
        self._region = region

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Verifies the key in the Authorization header."""
        token = bearer.read_token(request)
        if not bearer.is_short_term(token):
            principal = self._find_api_key(token)
            if principal is None:
                raise bearer.refused()
            return _identity(principal, self._region)
        verified = bearer.verify_short_term(token, self._find_secret, self._clock.now())
        return _identity(self._find_principal(verified.access_key_id), verified.region)


class SchemeAuthenticator:
    """Sends bearer tokens to one authenticator and everything else to another."""

    def __init__(self, *, signed: Authenticator, bearing: Authenticator) -> None:
        self._signed = signed
        self._bearing = bearing

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Chooses by the Authorization header."""
        chosen = self._bearing if bearer.is_bearing(request) else self._signed
        return await chosen.authenticate(request)


class FreshAuthenticator:
    """Looks for newer principals: now and then before it asks another authenticator, and always before a refusal.

    So a key that was just made works at once, and one that was taken away soon does not.
    """

    def __init__(self, inner: Authenticator, refresh: Refresh) -> None:
        self._inner = inner
        self._refresh = refresh

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Returns the sender. Raises AuthenticationError, and UnavailableError when nobody can tell."""
        await self._refresh()
        try:
            return await self._inner.authenticate(request)
        except AuthenticationError:
            if not await self._refresh(older_than_s=_REFUSAL_FRESH_S):
                raise
            return await self._inner.authenticate(request)


class UnsignedAuthenticator:
    """Believes everybody to be one principal: for `--auth none`, on loopback only. Reads no more than the region."""

    def __init__(self, principal: Principal, default_region: str) -> None:
        self._principal = principal
        self._default_region = default_region

    async def authenticate(self, request: HttpRequest) -> Identity:
        """Takes the region from a credential scope, if the request happens to have a sound one."""
        scope = read_scope(request)
        is_sound = scope is not None and sigv4.is_region(scope.region)
        return _identity(self._principal, scope.region if scope is not None and is_sound else self._default_region)


def _secrets_of(find_principal: FindPrincipal) -> sigv4.FindSecret:
    def find_secret(access_key_id: str, session_token: str | None) -> str | None:
        principal = find_principal(access_key_id) if session_token is None else None
        return None if principal is None else principal.secret_access_key

    return find_secret


def _identity(principal: Principal | None, region: str) -> Identity:
    if principal is None:  # forgotten between the two look-ups
        raise AuthenticationError("UnrecognizedClientException", sigv4.UNRECOGNIZED)
    return Identity(
        principal_arn=principal.arn, account=principal.account, region=region, access_key_id=principal.access_key_id
    )
