"""What the errors of S3 mean: which may pass, and which will not."""

from __future__ import annotations

import re

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import WebPageError
from outcrop.errors import SourceDeniedError

FALLBACK_REGION = "us-east-1"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
"""Credentials that can be renewed are: the next attempt is signed with others."""
_NO_RIGHT = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403", "Forbidden", ""}
"""Refusals for want of a right; the last three are those of HEAD, whose answers have no body."""
_MISSING_RIGHT = re.compile(r"is not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)(?: on resource: \"?(arn:[^\s\"]+))?")
"""How AWS names what was missing, which is KMS's right where an object is encrypted; there is no other place for it."""
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


def message_of(error: ClientError) -> str:
    """Returns S3's sentence for an error."""
    return str(error.response.get("Error", {}).get("Message") or "")


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


def denied(
    reader: str, verb: str, what: str, action: str, *, status: int, code: str, message: str = ""
) -> SourceDeniedError:
    """Returns the error for a refusal that will not pass.

    Args:
        reader: whose credentials were refused, such as `The role arn:…`.
        verb: what it wanted to do, such as `read`.
        what: the address that it wanted to do it with.
        action: the right that this takes, as IAM names it.
        status: HTTP status of the refusal.
        code: S3's code of it, where there was one.
        message: S3's sentence; it may say that another right was missing.
    """
    answer = f"{status} {code}".rstrip() if code != str(status) else code
    if code not in _NO_RIGHT:
        return SourceDeniedError(f"{reader} could not {verb} {what}: {answer}.")
    found = _MISSING_RIGHT.search(message)
    missing = action if found is None else found[1]
    on = f" on {found[2]}" if found is not None and found[2] and missing != action else ""
    return SourceDeniedError(f"{reader} may not {verb} {what}: it lacks {missing}{on} ({answer}).", action=missing)
