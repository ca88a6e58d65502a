"""boto3 sessions that never take an answer which broke off for a whole one: S3, STS and KMS alike.

botocore reads answers with the standard library's client, which lets a head end where the connection does
(`http_whole`), and asks urllib3 not to compare a body with its Content-Length. So a CreateMultipartUpload could come
back without an UploadId, and a list as one that ends early. In a session that went through `whole_answers`, both are
broken connections, which botocore's retries and then `through_outages` ask again. A web page in place of an answer, as
consoles, proxies and login pages give, is told as what it is.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ConnectionClosedError
from botocore.httpsession import URLLib3Session

from outcrop.adapters.http_whole import is_web_page, with_whole_lines

_HOOK = "outcrop-whole-answers"
_ERRORS, _AWAY = 300, 500


class WebPageError(BotoCoreError):  # type: ignore[misc]  # untyped
    """What answered is no AWS service: it sent a page for people."""

    fmt = "it answered {status} with a web page, as no AWS service does"


def whole_answers(session: boto3.Session) -> boto3.Session:
    """Returns the session; clients that it makes from now on, its credential chain's too, take whole answers only."""
    session.events.register("creating-client-class", _add_base, unique_id=_HOOK)
    return session


def _add_base(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _TakesWholeAnswers)


class _TakesWholeAnswers:
    """A base of clients, put before botocore's own: boto3's documented way to extend one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # There is no public way to a client's connections; a test that cuts answers would tell if this one moved.
        _guard(self._endpoint.http_session)  # type: ignore[attr-defined]  # BaseClient's
        self.meta.events.register("before-parse", _require_answer)  # type: ignore[attr-defined]


def _guard(connections: URLLib3Session) -> None:
    """Lets every pool of connections, through proxies too, make connections that take whole answers only."""
    pools: dict[str, Any] = connections._pool_classes_by_scheme  # noqa: SLF001
    for scheme, pool in list(pools.items()):
        connection = type(pool.ConnectionCls.__name__, (_WholeAnswers, pool.ConnectionCls), {})
        pools[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _WholeAnswers:
    """What is added to a connection of urllib3."""

    response_class: Callable[..., http.client.HTTPResponse]

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Sends a request, whose answer's body will be held against its Content-Length."""
        super().request(*args, **{**kwargs, "enforce_content_length": True})  # type: ignore[misc]  # of a mixin

    def getresponse(self) -> Any:
        """Returns the answer once its head is there."""
        # Taken at the last moment: botocore changes the class where an answer comes before the body was sent.
        made = self.response_class
        self.response_class = lambda *args, **kwargs: with_whole_lines(made(*args, **kwargs))
        try:
            return super().getresponse()  # type: ignore[misc]  # of a mixin
        finally:
            self.response_class = made


def _require_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Raises for a page, and for an empty success of unknown length, which may have been cut before its body."""
    status, headers = response_dict["status_code"], response_dict["headers"]
    output = operation_model.output_shape
    members = {} if output is None else output.members
    is_told_in_body = operation_model.http.get("method") != "HEAD" and any(
        "location" not in member.serialization for member in members.values()
    )
    is_error = status >= _ERRORS
    # A gateway's page with 502 or 503 may pass, and botocore asks again by its status. HEAD tells an object's type.
    if status < _AWAY and (is_error or is_told_in_body) and is_web_page(headers.get("Content-Type")):
        raise WebPageError(status=status)
    is_of_unknown_length = "Content-Length" not in headers and "Transfer-Encoding" not in headers
    if is_told_in_body and not is_error and is_of_unknown_length and response_dict["body"] == b"":
        raise ConnectionClosedError(endpoint_url="its server")
