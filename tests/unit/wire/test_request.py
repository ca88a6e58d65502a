"""Reading headers and bodies."""

import asyncio
from typing import Any

import pytest

from outcrop.wire.client import ClientGoneError
from outcrop.wire.refusals import BodyTimeoutError, BodyTooLargeError
from outcrop.wire.request import read_body, read_headers


def _read(
    messages: list[dict[str, Any]],
    headers: dict[str, str] | None = None,
    *,
    limit_bytes: int = 10,
    timeout_s: float = 60.0,
    http_version: str = "1.1",
) -> tuple[bytes, int]:
    queue = list(messages)
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    headers = {"transfer-encoding": "chunked"} if headers is None else headers
    body = asyncio.run(
        read_body(receive, headers, http_version=http_version, limit_bytes=limit_bytes, timeout_s=timeout_s)
    )
    return body, read


def _chunk(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_headers_are_lower_case_stripped_and_joined() -> None:
    """Repeated headers are one value, joined by commas, as SigV4 wants them."""
    headers = read_headers([(b"x-a", b" 1 "), (b"x-b", b"2"), (b"x-a", b"3")])

    assert headers == {"x-a": "1,3", "x-b": "2"}


def test_header_bytes_are_latin_1() -> None:
    """Any byte is readable; botocore signs the text that Latin-1 makes of it."""
    assert read_headers([(b"x-a", b"caf\xe9")]) == {"x-a": "caf\u00e9"}


def test_chunks_are_joined() -> None:
    """A body may come in any number of messages."""
    body, _ = _read([_chunk(b"ab", more=True), _chunk(b"", more=True), _chunk(b"cd", more=False)])

    assert body == b"abcd"


def test_a_request_without_a_body_is_not_waited_for() -> None:
    """HTTP/1.1 says by its headers that there is no body (RFC 9112, 6.3)."""
    assert _read([], {}) == (b"", 0)


def test_http_2_may_have_a_body_without_saying_so() -> None:
    """HTTP/2 needs no content-length: the body is read."""
    body, _ = _read([_chunk(b"ab", more=False)], {}, http_version="2")

    assert body == b"ab"


@pytest.mark.parametrize("declared", ["11", "99999999999999999999999999999999999"])
def test_a_body_that_says_it_is_too_large_is_not_read(declared: str) -> None:
    """A content-length over the limit is refused before a byte is read."""
    with pytest.raises(BodyTooLargeError, match="10 bytes"):
        _read([], {"content-length": declared})


def test_a_body_that_grows_too_large_is_refused_on_the_way() -> None:
    """A body that does not say its length is refused when it passes the limit."""
    with pytest.raises(BodyTooLargeError):
        _read([_chunk(b"123456", more=True), _chunk(b"78901", more=True)])


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    """The limit itself is allowed."""
    body, _ = _read([_chunk(b"1234567890", more=False)], {"content-length": "10"})

    assert body == b"1234567890"


def test_a_client_that_leaves_ends_the_reading() -> None:
    """A disconnect before the end leaves nobody to answer."""
    with pytest.raises(ClientGoneError):
        _read([_chunk(b"1", more=True), {"type": "http.disconnect"}])


def test_a_body_that_never_ends_is_given_up() -> None:
    """A client that stops sending is answered when the time is over."""
    with pytest.raises(BodyTimeoutError, match="0 seconds"):
        _read([_chunk(b"1", more=True)], timeout_s=0.0)
