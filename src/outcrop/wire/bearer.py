"""Amazon Bedrock API keys, which travel as bearer tokens (SPEC 1.7).

A short-term key is made without asking anybody: `bedrock-api-key-` and the base64 of a presigned
`POST bedrock.amazonaws.com/?Action=CallWithBearerToken`, with `&Version=1` after the signature. So tokens that AWS's
aws-bedrock-token-generator makes work here, for principals that Outcrop knows. A long-term key is opaque and looked up.
"""

import base64
import binascii
from datetime import datetime, timedelta

from outcrop.errors import AuthenticationError
from outcrop.wire.claim import read_claim
from outcrop.wire.request import HttpRequest
from outcrop.wire.sigv4 import FindSecret, Verified, verify

_SCHEME = "bearer "
_SHORT_TERM = "bedrock-api-key-"
_HOST = "bedrock.amazonaws.com"
_ACTION = b"Action=CallWithBearerToken"
_AFTER_SIGNATURE = b"&Version=1"
_LONGEST_TOKEN_CHARACTERS = 8192


def is_bearing(request: HttpRequest) -> bool:
    """Tells whether a request carries a bearer token."""
    return request.headers.get("authorization", "")[: len(_SCHEME)].lower() == _SCHEME


def read_token(request: HttpRequest) -> str:
    """Returns the bearer token of a request that carries one."""
    return request.headers.get("authorization", "")[len(_SCHEME) :].strip()


def is_short_term(token: str) -> bool:
    """Tells short-term keys from long-term ones."""
    return token.startswith(_SHORT_TERM)


def verify_short_term(token: str, find_secret: FindSecret, now: datetime) -> Verified:
    """Verifies a short-term key. Raises AuthenticationError: AWS answers AccessDeniedException, whatever is wrong."""
    request = _presigned(token)
    try:
        claim = read_claim(request)
        has_expired = claim.signed_at < now - timedelta(seconds=claim.expires_s or 0)
        if not has_expired:
            return verify(request, find_secret, now)
    except AuthenticationError:
        raise refused() from None
    raise AuthenticationError("AccessDeniedException", "Bearer Token has expired")


def refused() -> AuthenticationError:
    """Returns the error for a key that is not known, or not sound."""
    message = "Authentication failed: Please make sure your API Key is valid."
    return AuthenticationError("AccessDeniedException", message)


def _presigned(token: str) -> HttpRequest:
    """Rebuilds the request that the maker of the key signed."""
    if len(token) > _LONGEST_TOKEN_CHARACTERS:
        raise refused()
    try:
        url = base64.b64decode(token.removeprefix(_SHORT_TERM), validate=True)
    except (binascii.Error, ValueError):
        raise refused() from None
    address, _, query = url.partition(b"?")
    query = query.removesuffix(_AFTER_SIGNATURE)
    if address != _HOST.encode() + b"/" or _ACTION not in query.split(b"&"):
        raise refused()
    return HttpRequest(method="POST", raw_path=b"/", query=query, headers={"host": _HOST}, body=b"")
