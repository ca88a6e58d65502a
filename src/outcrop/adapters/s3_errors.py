"""What the errors of S3 mean: which may pass, and which will not."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import WebPageError

FALLBACK_REGION = "us-east-1"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
"""Sessions that can renew their credentials do so by themselves: the next attempt asks them."""
_THROTTLED = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout"}
_TOO_MANY, _AWAY, _NOT_IMPLEMENTED, _FULL = 429, 500, 501, 507


def may_pass(status: int, code: str) -> bool:
    """Says whether the same request may succeed later."""
    if code in EXPIRED or code in _THROTTLED or status == _TOO_MANY:
        return True
    return status >= _AWAY and status not in (_NOT_IMPLEMENTED, _FULL)


def code_of(error: ClientError) -> str:
    """Returns S3's code of an error, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """Returns the HTTP status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def reason_of(error: BotoCoreError | ResponseParserError) -> str:
    """Returns why there was no answer, in a word or a sentence without what the answer held."""
    if isinstance(error, WebPageError):
        return str(error)
    if isinstance(error, ResponseParserError):
        return "what it answered is not what the service answers"
    return type(error).__name__


def is_away(error: ClientError) -> bool:
    """Says whether the same call may succeed later."""
    return may_pass(status_of(error), code_of(error))
