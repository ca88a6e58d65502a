"""Why a store could not be used: the layer that is broken, from the facts of a try, and the cure in one sentence. Pure.

Used by `outcrop doctor`, which tries layer by layer, and by the S3 adapters for the messages of imports.

    endpoint → name → connection → certificate → protocol → clock → credentials → signature → region → bucket
             → permission
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_MOST_PORT = 65535
_REDIRECTS = range(300, 400)
_NOT_FOUND, _FORBIDDEN, _AWAY = 404, 403, 500


class Layer(StrEnum):
    """What must work for the next one to."""

    ENDPOINT = "endpoint"
    NAME = "name"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"
    CLOCK = "clock"
    CREDENTIALS = "credentials"
    SIGNATURE = "signature"
    REGION = "region"
    BUCKET = "bucket"
    PERMISSION = "permission"
    OBJECTS = "objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One broken layer."""

    layer: Layer
    what: str
    """What is wrong, in one sentence."""
    cure: str
    """What to do, in one sentence."""
    may_pass: bool = False
    """Whether the same try may succeed later without anybody's doing."""

    def __str__(self) -> str:
        return f"{self.what} {self.cure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a store answered in place of what was asked for."""

    status: int
    code: str
    """S3's or STS's code; empty where the answer had none."""
    region: str = ""
    """The region that the answer names as the right one."""
    moved_to: str = ""
    """The Location of a redirect."""
    is_page: bool = False
    """Whether the answer was a page for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, of whom."""

    endpoint: str
    bucket: str
    action: str
    """The right that it takes, as IAM names it."""
    region: str
    """The region that requests are signed for."""


def of_endpoint(url: str, bucket: str) -> Cause | None:
    """Judges an endpoint by its form."""
    cure = "Set AWS_ENDPOINT_URL_S3 (or --endpoint-url) to http(s)://HOST[:PORT], without bucket and path."

    def wrong(what: str) -> Cause:
        return Cause(layer=Layer.ENDPOINT, what=what, cure=cure)

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return wrong(f"{url!r} is not a URL.")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return wrong(f"{url!r} is not an http(s) URL with a host.")
    if port == 0 or (port or 1) > _MOST_PORT:
        return wrong(f"{url!r} has a port that cannot be.")
    if parts.query or parts.fragment or parts.username:
        return wrong(f"{url!r} holds more than where the store is.")
    if bucket and (parts.hostname.startswith(f"{bucket}.") or parts.path.strip("/").split("/")[0] == bucket):
        return wrong(f"{url!r} holds the name of the bucket {bucket}, which would then be asked for twice.")
    return None


def of_name(host: str, *, may_pass: bool) -> Cause:
    """A name that leads nowhere; `may_pass` when it was the name server that did not answer."""
    what = f"No name server answers for {host}." if may_pass else f"The name {host} is not known."
    return Cause(
        layer=Layer.NAME,
        what=what,
        cure="Correct the endpoint's host, or the name servers and /etc/hosts of this machine (`getent hosts "
        f"{host}`); for a name that begins with the bucket, set `addressing_style = path` in ~/.aws/config.",
        may_pass=True,
    )


def of_connection(host: str, port: int, reason: str) -> Cause:
    """A port that nobody answers at."""
    return Cause(
        layer=Layer.CONNECTION,
        what=f"{host}:{port} cannot be connected to: {reason}.",
        cure="Start the store, correct the endpoint's port, or let the firewall and HTTP(S)_PROXY lead there.",
        may_pass=True,
    )


EXPIRED_CERTIFICATE, NOT_YET_VALID, WRONG_NAMES = 10, 9, frozenset({62, 64})
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, _CERT_NOT_YET_VALID, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH."""


def of_certificate(host: str, verify_code: int, *, bundle: str | None) -> Cause:
    """A certificate that is not accepted.

    Args:
        host: whose certificate it is.
        verify_code: OpenSSL's (`ssl.SSLCertVerificationError.verify_code`).
        bundle: the file of authorities that was used; None: the built-in list.
    """
    if verify_code == EXPIRED_CERTIFICATE:
        what, cure = "has expired", "Renew it on the store, or set this machine's clock right."
    elif verify_code == NOT_YET_VALID:
        what, cure = "is not valid yet", "Set this machine's clock right (`timedatectl`), or the certificate's dates."
    elif verify_code in WRONG_NAMES:
        what = "is for another name"
        cure = "Name the store in the endpoint as its certificate does, or give it a certificate for this name."
    else:
        what = f"is signed by an authority that {bundle or 'the built-in list'} does not hold"
        cure = "Set AWS_CA_BUNDLE to the PEM file of the authority that signed it, and start the server with that."
    return Cause(layer=Layer.CERTIFICATE, what=f"The certificate of {host} {what}.", cure=cure)


def of_bundle(bundle: str) -> Cause:
    """A file of authorities that is not one."""
    return Cause(
        layer=Layer.CERTIFICATE,
        what=f"The file of certificate authorities, {bundle}, cannot be read as one.",
        cure="Set AWS_CA_BUNDLE to a PEM file that holds certificates, or unset it.",
    )


def of_plain_server(host: str, port: int) -> Cause:
    """A server that does not speak TLS where it is asked to."""
    return Cause(
        layer=Layer.CERTIFICATE,
        what=f"{host}:{port} does not speak TLS.",
        cure="Begin the endpoint with http://, or name the port at which the store speaks HTTPS.",
    )


def of_tls_server(host: str, port: int) -> Cause:
    """A server that speaks TLS where it is asked in plain HTTP."""
    return Cause(
        layer=Layer.PROTOCOL,
        what=f"{host}:{port} does not answer in HTTP; it may speak TLS.",
        cure="Begin the endpoint with https://.",
    )


def of_skew(seconds: float) -> Cause:
    """Clocks that differ by more than a signature bears."""
    ahead = "ahead of" if seconds > 0 else "behind"
    return Cause(
        layer=Layer.CLOCK,
        what=f"This machine's clock is {abs(seconds):,.0f} s {ahead} the store's; signatures bear 15 minutes.",
        cure="Set the clock that is wrong: `timedatectl set-ntp true`.",
    )


def no_credentials() -> Cause:
    """Nothing to sign with."""
    return Cause(
        layer=Layer.CREDENTIALS,
        what="There are no AWS credentials.",
        cure="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for the server and for this command.",
    )


def of_refusal(refusal: Refusal, asked: Asked) -> Cause:
    """Returns the layer that a refusal is about."""
    endpoint, bucket, code = asked.endpoint, asked.bucket, refusal.code
    answered = f"{refusal.status} {code}".rstrip()
    by_code = _of_code(refusal, asked, answered)
    if refusal.is_page or (by_code is None and refusal.status == _NOT_FOUND and code in ("", "404", "Not Found")):
        return not_s3(endpoint, f"it answered {refusal.status}" + (" with a web page" if refusal.is_page else ""))
    if by_code is not None:
        return by_code
    if refusal.status in _REDIRECTS:
        return _moved(refusal, asked, answered)
    if refusal.status >= _AWAY:
        return Cause(
            layer=Layer.PROTOCOL,
            what=f"The store at {endpoint} is not well: {answered}.",
            cure="Look into its log; imports wait for it.",
            may_pass=True,
        )
    if refusal.status == _FORBIDDEN:
        return _not_allowed(asked, answered)
    return Cause(
        layer=Layer.PROTOCOL,
        what=f"The store at {endpoint} refused {asked.action} on s3://{bucket}: {answered}.",
        cure="Look the code up in the store's manual.",
    )


def not_s3(endpoint: str, why: str) -> Cause:
    """Something that is no S3."""
    return Cause(
        layer=Layer.PROTOCOL,
        what=f"{endpoint} is no S3 endpoint: {why}.",
        cure="Name the store's S3 port in AWS_ENDPOINT_URL_S3, not that of its console or of a website.",
    )


_UNKNOWN_KEY = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "NotSignedUp"})
_WRONG_SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
_BAD_TOKEN = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"})
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"})
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "UnauthorizedAccess"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_NOT_KNOWN = frozenset({"NotImplemented", "MethodNotAllowed"})

_KINDS: Mapping[str, frozenset[str]] = {
    "key": _UNKNOWN_KEY,
    "signature": _WRONG_SIGNATURE,
    "token": _BAD_TOKEN,
    "clock": _SKEWED,
    "bucket": _NO_BUCKET,
    "denied": _DENIED,
    "elsewhere": _ELSEWHERE,
    "unknown": _NOT_KNOWN,
}


def _of_code(refusal: Refusal, asked: Asked, answered: str) -> Cause | None:
    kind = next((name for name, codes in _KINDS.items() if refusal.code in codes), None)
    causes = {
        "key": Cause(
            layer=Layer.CREDENTIALS,
            what=f"The store at {asked.endpoint} does not know the access key id ({answered}).",
            cure="Set AWS_ACCESS_KEY_ID (or the profile) to a key of this very store.",
        ),
        "signature": Cause(
            layer=Layer.SIGNATURE,
            what=f"The secret key is not that of the access key id ({answered}).",
            cure="Set AWS_SECRET_ACCESS_KEY anew; if it is right, let no proxy change the Host header.",
        ),
        "token": Cause(
            layer=Layer.CREDENTIALS,
            what=f"The session's credentials have expired or are another's ({answered}).",
            cure="Get new ones (`aws sso login`, `aws sts …`), or unset AWS_SESSION_TOKEN for keys that last.",
            may_pass=True,
        ),
        "clock": Cause(
            layer=Layer.CLOCK,
            what=f"This machine's clock and the store's differ by more than a signature bears ({answered}).",
            cure="Set the clock that is wrong: `timedatectl set-ntp true`.",
            may_pass=True,
        ),
        "bucket": Cause(
            layer=Layer.BUCKET,
            what=f"The bucket {asked.bucket} does not exist at {asked.endpoint} ({answered}).",
            cure="Correct the bucket's name, or the endpoint: `aws s3 ls` shows the buckets of these credentials.",
        ),
        "denied": _not_allowed(asked, answered),
        "elsewhere": _moved(refusal, asked, answered),
        "unknown": not_s3(asked.endpoint, f"it does not know how to list a bucket ({answered})"),
    }
    return None if kind is None else causes[kind]


def _not_allowed(asked: Asked, answered: str) -> Cause:
    where = f"arn:aws:s3:::{asked.bucket}" + ("" if asked.action == "s3:ListBucket" else "/*")
    return Cause(
        layer=Layer.PERMISSION,
        what=f"The credentials lack {asked.action} on s3://{asked.bucket} ({answered}).",
        cure=f"Allow {asked.action} on {where} in their policy and in the bucket's; where a store answers so to wrong "
        "keys, as Ceph with STS does, check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY first.",
    )


def _moved(refusal: Refusal, asked: Asked, answered: str) -> Cause:
    if refusal.region and refusal.region != asked.region:
        return Cause(
            layer=Layer.REGION,
            what=f"The bucket {asked.bucket} is in {refusal.region}, and was asked for in {asked.region} ({answered}).",
            cure=f"Set AWS_REGION={refusal.region}.",
        )
    if refusal.moved_to:
        return Cause(
            layer=Layer.ENDPOINT,
            what=f"{asked.endpoint} sends its clients on to {refusal.moved_to} ({answered}), as no S3 store does.",
            cure="Set AWS_ENDPOINT_URL_S3 to where it sends them.",
        )
    return Cause(
        layer=Layer.REGION,
        what=f"{asked.endpoint} says that the bucket {asked.bucket} is elsewhere ({answered}), and not where.",
        cure="Set AWS_REGION to the bucket's region, and AWS_ENDPOINT_URL_S3 to the store that has it.",
    )
