"""SigV4 verification: the signature is computed anew from the secret and the request, as botocore computes it. Pure.

The order of the checks, the codes and the phrases are AWS's (see claim). The canonical path is the raw path, encoded
once more: botocore does so for every service but S3. What is canonical of a query is its decoded and newly encoded
form; since botocore signs a query that it was given in a URL as it stands, that form is tried too when it differs.
"""

import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote_from_bytes, unquote_to_bytes

from botocore.utils import normalize_url_path

from outcrop.errors import AuthenticationError
from outcrop.wire.claim import ALGORITHM, Claim, read_claim
from outcrop.wire.request import HttpRequest

SERVICE = "bedrock"
"""The signing name of both services (SPEC 1.6)."""

SKEW = timedelta(minutes=5)

UNRECOGNIZED = "The security token included in the request is invalid."

FindSecret = Callable[[str, str | None], str | None]
"""From access key id and session token, None where the request has none, to the secret key; None for unknown ones."""

_REGION = re.compile(r"[a-z0-9-]{1,20}", re.ASCII)
_TERMINATOR = "aws4_request"
HOST = "host"
AUTHORITY = ":authority"
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_EMPTY_SHA256 = sha256(b"").hexdigest()
_SIGNATURE_PARAMETER = b"X-Amz-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who signed, and for where."""

    access_key_id: str
    region: str
    signed_headers: tuple[str, ...]


def verify(request: HttpRequest, find_secret: FindSecret, now: datetime, *, body_sha256: str | None = None) -> Verified:
    """Verifies the signature of a request; who has hashed the body already passes that on.

    Raises:
        AuthenticationError: With AWS's code for the reason.
    """
    claim = read_claim(request)
    _require_current(claim, now)
    if not {HOST, AUTHORITY} & set(claim.signed_headers):
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if claim.algorithm != ALGORITHM:
        message = f"Unsupported AWS 'algorithm': '{claim.algorithm[:40]}' (only {ALGORITHM} for now)."
        raise AuthenticationError("IncompleteSignatureException", message)
    _require_scope(claim)
    scope = claim.scope
    secret = find_secret(scope.access_key_id, claim.session_token)
    if secret is None:
        raise AuthenticationError("UnrecognizedClientException", UNRECOGNIZED)
    key = _signing_key(secret, scope.date, scope.region)
    given = claim.signature.encode("latin-1", "replace")
    for text in _strings_to_sign(request, claim, body_sha256 or hash_body(request.body)):
        if hmac.compare_digest(hmac.digest(key, text, "sha256").hex().encode(), given):
            return Verified(access_key_id=scope.access_key_id, region=scope.region, signed_headers=claim.signed_headers)
    raise _invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


def hash_body(body: bytes) -> str:
    """Returns the digest of a body as SigV4 writes it."""
    return sha256(body).hexdigest() if body else _EMPTY_SHA256


def is_region(text: str) -> bool:
    """Tells whether a text has the form of a region's name."""
    return _REGION.fullmatch(text) is not None


# --- the claim's own terms ----------------------------------------------------------------------------------------


def _require_current(claim: Claim, now: datetime) -> None:
    if claim.signed_at > now + SKEW:
        raise _invalid(
            f"Signature not yet current: {claim.timestamp} is still later than {_basic(now + SKEW)} "
            f"({_basic(now)} + 5 min.)"
        )
    lifetime = SKEW if claim.expires_s is None else timedelta(seconds=claim.expires_s)
    if claim.signed_at < now - lifetime:
        told = "5 min." if claim.expires_s is None else f"{claim.expires_s} sec."
        earliest = _basic(now - lifetime)
        raise _invalid(f"Signature expired: {claim.timestamp} is now earlier than {earliest} ({_basic(now)} - {told})")


def _require_scope(claim: Claim) -> None:
    scope = claim.scope
    wrong: list[str] = []
    if not is_region(scope.region):
        wrong.append(f"Credential should be scoped to a valid region, not '{scope.region[:40]}'.")
    if scope.service != SERVICE:
        wrong.append(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if scope.terminator != _TERMINATOR:
        wrong.append(
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{scope.terminator[:40]}'."
        )
    if scope.date != claim.timestamp[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{scope.date[:40]}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'."
        )
    if wrong:
        raise _invalid(" ".join(wrong))


def _basic(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"


# --- what was signed ----------------------------------------------------------------------------------------------


def _strings_to_sign(request: HttpRequest, claim: Claim, body_sha256: str) -> Iterator[bytes]:
    """Yields the strings that an honest signer of this request may have signed: one, nearly always."""
    scope = claim.scope
    head = f"{ALGORITHM}\n{claim.timestamp}\n{scope.date}/{scope.region}/{scope.service}/{scope.terminator}\n"
    path = quote_from_bytes(_normal_path(request.raw_path), safe="/~")
    headers = "".join(f"{name}:{_signed_value(request, name)}\n" for name in claim.signed_headers)
    tail = f"{headers}\n{';'.join(claim.signed_headers)}\n{_payload_hash(request, claim, body_sha256)}"
    for query in _canonical_queries(request.query):
        canonical = f"{request.method}\n{path}\n{query}\n{tail}"
        yield (head + sha256(canonical.encode("utf-8")).hexdigest()).encode("latin-1", "replace")


def _signed_value(request: HttpRequest, name: str) -> str:
    # The HTTP server gives HTTP/2's :authority as the host header.
    return " ".join(request.headers.get(HOST if name == AUTHORITY else name, "").split())


def _normal_path(raw_path: bytes) -> bytes:
    # What has neither dot segments nor doubled slashes is normal already: every request of an SDK.
    if b"//" not in raw_path and b"/." not in raw_path and raw_path:
        return raw_path
    normal: str = normalize_url_path(raw_path.decode("latin-1"))
    return normal.encode("latin-1")


def _canonical_queries(query: bytes) -> Iterator[str]:
    if not query:
        yield ""
        return
    pairs = [pair.partition(b"=")[::2] for pair in query.split(b"&")]
    pairs = [(name, value) for name, value in pairs if name != _SIGNATURE_PARAMETER]
    encoded = _joined((_encode(name), _encode(value)) for name, value in pairs)
    yield encoded
    as_sent = _joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
    if as_sent != encoded:
        yield as_sent


def _encode(raw: bytes) -> str:
    # A plus is a space: botocore's encoder writes it so, and signs %20.
    return quote_from_bytes(unquote_to_bytes(raw.replace(b"+", b" ")), safe="-_.~")


def _joined(pairs: Iterator[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _payload_hash(request: HttpRequest, claim: Claim, body_sha256: str) -> str:
    if request.headers.get("x-amz-content-sha256") != _UNSIGNED_PAYLOAD:
        # A digest in that header is not looked at: were it wrong, the signature over the true one would not hold.
        return body_sha256
    if "x-amz-content-sha256" in claim.signed_headers:
        return _UNSIGNED_PAYLOAD
    raise _invalid("'X-Amz-Content-Sha256' must be a 'SignedHeader' where it is 'UNSIGNED-PAYLOAD'.")


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str) -> bytes:
    """Derives the key of a day and region: four HMACs that are the same for all requests of that day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, SERVICE, _TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8"), "sha256")
    return key


def _invalid(message: str) -> AuthenticationError:
    return AuthenticationError("InvalidSignatureException", message)
