"""An HTTP request as a value, and reading its body within bounds."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.types import Receive

from outcrop.wire.client import ClientGoneError
from outcrop.wire.refusals import BodyTimeoutError, BodyTooLargeError

_LONGEST_LENGTH_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What a client sent, undecoded where signatures need it so."""

    method: str
    raw_path: bytes
    query: bytes
    """Without the question mark."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; values stripped, repeated ones joined by a comma, as SigV4 wants them."""
    body: bytes = field(repr=False)


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Makes header pairs a mapping. Bytes are read as Latin-1, which is what HTTP says and what botocore signs."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name = raw_name.decode("latin-1")
        value = raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def read_body(
    receive: Receive, headers: Mapping[str, str], *, http_version: str, limit_bytes: int, timeout_s: float
) -> bytes:
    """Reads the whole body.

    Raises:
        BodyTooLargeError: It is larger than the limit, or says that it will be, before more than that was read.
        BodyTimeoutError: It did not end in time.
        ClientGoneError: The client went away first.
    """
    declared = headers.get("content-length", "0")
    # With that many digits it is too large whatever they are; int() need not look at them.
    if len(declared) > _LONGEST_LENGTH_DIGITS or (declared.isdecimal() and int(declared) > limit_bytes):
        raise BodyTooLargeError(limit_bytes)
    if http_version.startswith("1") and "content-length" not in headers and "transfer-encoding" not in headers:
        return b""  # RFC 9112, 6.3: there is none, and no reason to wait for it
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect(receive, limit_bytes)
    except TimeoutError:
        raise BodyTimeoutError(timeout_s) from None


async def _collect(receive: Receive, limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise BodyTooLargeError(limit_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
