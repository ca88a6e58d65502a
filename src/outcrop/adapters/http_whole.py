"""Answers of HTTP whose head is whole, or that are an error. Knows the standard library's client, and nothing above it.

That client takes the end of a connection for the end of a head: an answer that broke off among its headers looks like
a whole one with fewer headers, `HTTP/1.1 200` alone like a success. The same goes for the size of a chunk (`1f` of
`1f4`). Every such line has an end of its own, so one without it is a cut one.
"""

from __future__ import annotations

import http.client
import io
import re
import socket

_HEX_ETAG = re.compile(r"[0-9a-fA-F]{32}(-[0-9]+)?")


class CutAnswerError(http.client.RemoteDisconnected):
    """The connection ended within the head of an answer, or within the size of a chunk."""

    def __init__(self) -> None:
        super().__init__("the connection ended within the head of an answer")


class WholeLines(io.BufferedReader):
    """What a socket says, and no line of it cut short."""

    def readline(self, size: int | None = -1) -> bytes:
        """Returns a line with its end, or as much of it as was asked for. Raises CutAnswerError."""
        line = super().readline(-1 if size is None else size)
        if not line.endswith(b"\n") and (size is None or size < 0 or len(line) < size):
            raise CutAnswerError
        return line


class WholeResponse(http.client.HTTPResponse):
    """An answer whose head is whole. Cut bodies are told by their length, which the head holds."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        with_whole_lines(self)


def with_whole_lines(response: http.client.HTTPResponse) -> http.client.HTTPResponse:
    """Returns an answer, of which nothing was read yet, that raises CutAnswerError where its head is cut."""
    response.fp = WholeLines(response.fp.detach())
    return response


def is_weak(etag: str) -> bool:
    """Says whether an ETag is weak: If-Match never matches one (RFC 9110, 13.1.1), so it is compared here alone."""
    return etag.startswith("W/")


def is_same_etag(told: str, pinned: str) -> bool:
    """Compares ETags as stores write them: with or without quotes, weak or not, hex in either case."""
    one, other = _bare(told), _bare(pinned)
    if _HEX_ETAG.fullmatch(one) and _HEX_ETAG.fullmatch(other):
        return one.lower() == other.lower()
    return one == other


def is_web_page(content_type: str | None) -> bool:
    """Says whether an answer is for people: a console, a proxy's or a login page in place of a store's answer."""
    return (content_type or "").partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
