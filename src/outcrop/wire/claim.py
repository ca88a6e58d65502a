"""What a request says of its own signature: read from the Authorization header, or from the query of a presigned URL.

Nothing here is believed yet; see sigv4. The codes and phrases are AWS's, for which dynalite's notes on real answers are
the source: https://github.com/mhart/dynalite.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from outcrop.errors import AuthenticationError
from outcrop.wire.request import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"

_TIMESTAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_HTTP_DATE = re.compile(r"[A-Za-z]{3}, \d\d? [A-Za-z]{3} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})", re.ASCII)
_NAMES = re.compile(r"(?::authority;)?[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+)*", re.ASCII)
_SCOPE_PARTS = 5
_LONGEST_EXPIRY_S = 7 * 24 * 3600
_ECHO_CHARACTERS = 200

_AS_SDKS_WRITE = re.compile(
    r"(AWS4-HMAC-SHA256) Credential=([^\s,=]+), ?SignedHeaders=([^\s,=]+), ?Signature=([0-9a-f]{64})", re.ASCII
)
"""The header as every SDK writes it, which is read faster than what is merely allowed."""

_REMEMBERED = 64
"""How many credentials, lists of names and times are kept read: a client repeats them with each request."""

_IN_HEADER = ("Credential", "Signature", "SignedHeaders")
_IN_QUERY = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The five parts of a credential."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A signature and all that it is said to cover."""

    algorithm: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    """As in the string to sign: `20240813T233842Z`."""
    signed_at: datetime
    expires_s: int | None
    """How long a presigned URL says that it holds; None for the header form."""
    session_token: str | None


def read_claim(request: HttpRequest) -> Claim:
    """Reads the claim. Raises AuthenticationError when there is none, or one that is not of SigV4's form."""
    authorization = request.headers.get("authorization")
    is_presigned = b"X-Amz-Signature=" in request.query or b"X-Amz-Algorithm=" in request.query
    if authorization is not None and authorization.startswith("AWS4-"):
        if is_presigned:
            raise _invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
        return _from_header(request.headers, authorization)
    if is_presigned:
        return _from_query(request.query)
    raise AuthenticationError("MissingAuthenticationTokenException", "Missing Authentication Token")


def read_scope(request: HttpRequest) -> Scope | None:
    """Returns the credential scope that a request carries, or None: for servers that check no signatures."""
    try:
        return read_claim(request).scope
    except AuthenticationError:
        return None


def _from_header(headers: Mapping[str, str], authorization: str) -> Claim:
    algorithm, fields = _fields(authorization)
    lacking = [f"Authorization header requires '{name}' parameter." for name in _IN_HEADER if not fields.get(name)]
    date = headers.get("x-amz-date") or headers.get("date")
    if date is None:
        lacking.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if lacking or date is None:
        raise _incomplete(f"{' '.join(lacking)} Authorization={algorithm[:_ECHO_CHARACTERS]}")
    timestamp = date if "x-amz-date" in headers else _from_http_date(date)
    return Claim(
        algorithm=algorithm,
        scope=_scope(fields["Credential"]),
        signed_headers=_names(fields["SignedHeaders"]),
        signature=fields["Signature"],
        timestamp=timestamp,
        signed_at=_instant(timestamp),
        expires_s=None,
        session_token=headers.get("x-amz-security-token"),
    )


def _fields(authorization: str) -> tuple[str, dict[str, str]]:
    usual = _AS_SDKS_WRITE.fullmatch(authorization)
    if usual is not None:
        algorithm, credential, names, signature = usual.groups()
        return algorithm, {"Credential": credential, "SignedHeaders": names, "Signature": signature}
    algorithm, _, rest = authorization.partition(" ")
    fields: dict[str, str] = {}
    for part in rest.split(","):
        key, equals, value = part.strip().partition("=")
        if not equals:
            raise _incomplete("Invalid key=value pair (missing equal-sign) in Authorization header.")
        fields[key] = value
    return algorithm, fields


def _from_query(query: bytes) -> Claim:
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    fields = {name.decode("latin-1"): unquote_to_bytes(value).decode("utf-8", "replace") for name, _, value in pairs}
    lacking = [f"AWS query-string parameters must include '{name}'." for name in _IN_QUERY if not fields.get(name)]
    if lacking:
        raise _incomplete(" ".join(lacking))
    expires = fields["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdecimal()) or len(expires) > len(str(_LONGEST_EXPIRY_S)):
        raise _incomplete("X-Amz-Expires should be a number of seconds.")
    if int(expires) > _LONGEST_EXPIRY_S:
        raise _incomplete("X-Amz-Expires must be less than a week (in seconds); that is less than 604800.")
    return Claim(
        algorithm=fields.get("X-Amz-Algorithm", ""),
        scope=_scope(fields["X-Amz-Credential"]),
        signed_headers=_names(fields["X-Amz-SignedHeaders"]),
        signature=fields["X-Amz-Signature"],
        timestamp=fields["X-Amz-Date"],
        signed_at=_instant(fields["X-Amz-Date"]),
        expires_s=int(expires),
        session_token=fields.get("X-Amz-Security-Token"),
    )


@lru_cache(maxsize=_REMEMBERED)
def _scope(credential: str) -> Scope:
    parts = credential.split("/")
    if len(parts) != _SCOPE_PARTS:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential[:_ECHO_CHARACTERS]}'"
        )
    return Scope(access_key_id=parts[0], date=parts[1], region=parts[2], service=parts[3], terminator=parts[4])


@lru_cache(maxsize=_REMEMBERED)
def _names(signed_headers: str) -> tuple[str, ...]:
    # What is no header name could hold a line break, and pass for the text of another header when it is signed. Over
    # HTTP/2 the JavaScript SDK signs the pseudo-header :authority in the place of host; it sorts before all others.
    if _NAMES.fullmatch(signed_headers) is None:
        raise _incomplete("SignedHeaders should be header names, separated by semicolons.")
    return tuple(signed_headers.lower().split(";"))


@lru_cache(maxsize=_REMEMBERED)
def _instant(timestamp: str) -> datetime:
    found = _TIMESTAMP.fullmatch(timestamp)
    if found is not None:
        year, month, day, hour, minute, second = map(int, found.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            pass
    raise _incomplete(
        f"Date must be in ISO-8601 'basic format'. Got '{timestamp[:_ECHO_CHARACTERS]}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _from_http_date(date: str) -> str:
    """Reads the RFC 1123 form that a Date header has; what is signed has the ISO form all the same."""
    if _HTTP_DATE.fullmatch(date) is None:
        return date
    try:
        instant = parsedate_to_datetime(date)
        # An offset of -0000, which botocore writes, means UTC, and Python returns it without a zone.
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return date
    return f"{instant:%Y%m%dT%H%M%SZ}"


def _incomplete(message: str) -> AuthenticationError:
    return AuthenticationError("IncompleteSignatureException", message)


def _invalid(message: str) -> AuthenticationError:
    return AuthenticationError("InvalidSignatureException", message)
