"""Ranges of HTTP resources, read from the socket straight into memory that the caller owns. Blocks: for threads.

The standard library's client is the one that reads a body without a copy (`HTTPResponse.readinto` ends in `recv_into`);
what that is worth is in docs/decisions/0021-one-thread-from-socket-to-vault.md. This module knows HTTP, and no store.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from urllib.parse import urlsplit

from outcrop.adapters.dialer import Dial
from outcrop.adapters.http_whole import WholeResponse, is_same_etag, is_weak, is_web_page
from outcrop.ports import ByteSink

_PARTIAL, _WHOLE = 206, 200
_ERROR_BYTES = 4096
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]{1,1000})</Message>")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpRefusedError(Exception):
    """The server answered, but not with the range. `code` and `text` are S3's of the answer, or empty."""

    def __init__(self, status: int, code: str, text: str = "") -> None:
        super().__init__(f"{status} {code}".rstrip())
        self.status = status
        self.code = code
        self.text = text


class HttpBrokenError(Exception):
    """The connection failed, stalled, or ended before the range did. What the sink took is good."""


class HttpChangedError(Exception):
    """The answer is of another resource than was asked for: its ETag or its size differ."""


class HttpStrangeError(Exception):
    """What answered is not the server that was meant: it sent a web page, or something without an ETag."""


class Hangup:
    """Ends a read from another thread: the socket that it waits on is shut down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._is_over = False

    def on(self, connection: http.client.HTTPConnection | None) -> None:
        """Says which connection the read waits on now. Raises HttpBrokenError when it is to end."""
        with self._lock:
            self._connection = connection
            if self._is_over and connection is not None:
                raise HttpBrokenError("given up")

    def __call__(self) -> None:
        """Ends the read."""
        with self._lock:
            self._is_over = True
            if self._connection is not None and self._connection.sock is not None:
                with suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)


class HttpRanges:
    """A pool of connections. May be used by several threads at once."""

    def __init__(
        self,
        *,
        ca_bundle: str | None = None,
        connect_s: float = 10.0,
        stall_s: float = 30.0,
        dial: Dial | None = None,
    ) -> None:
        """Keeps how to connect.

        Args:
            ca_bundle: PEM file of the authorities to trust; None: the platform's.
            connect_s: longest time to connect.
            stall_s: longest time without a byte.
            dial: opens the connections; None: http.client does.
        """
        self._ca_bundle = ca_bundle
        self._tls: ssl.SSLContext | None = None
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._dial = dial
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = defaultdict(list)
        weakref.finalize(self, _close_all, self._idle)

    def read(
        self,
        url: str,
        start: int,
        end: int,
        *,
        etag: str | None,
        size_bytes: int | None,
        sink: ByteSink,
        hangup: Hangup,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Reads [start, end) of a resource into the sink.

        Args:
            url: where it is, signed if need be.
            start: first byte.
            end: one past the last byte; more than `start`.
            etag: what If-Match asks for, and the answer must tell; None: nothing. A weak one is only compared.
            size_bytes: what the whole resource must have; None: whatever it has.
            sink: takes the bytes.
            hangup: ends the read early.
            headers: more to send, such as a signature.

        Raises:
            HttpRefusedError, HttpBrokenError, HttpChangedError, HttpStrangeError: as they say.
        """
        parts = urlsplit(url)
        address = (parts.scheme, parts.netloc)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        # `identity`: a proxy that compresses would make ranges of something else.
        sent = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        if etag is not None and not is_weak(etag):
            sent["If-Match"] = etag
        given = headers or {}
        known = {name.lower() for name in given}
        sent = {name: value for name, value in sent.items() if name.lower() not in known} | dict(given)
        connection, response = self._answer(address, target, sent, hangup)
        try:
            _require_range(response, start, end, etag=etag, size_bytes=size_bytes)
            _pour(response, end - start, sink)
            # What comes in chunks has an end that must be read; what was promised beyond the range may never come.
            is_whole = response.length == 0 if response.length is not None else not response.read(1)
            is_reusable = is_whole and not response.will_close
        except (OSError, http.client.HTTPException) as error:
            _close(connection, response)
            raise HttpBrokenError(_reason(error)) from error
        except BaseException:
            _close(connection, response)
            raise
        finally:
            hangup.on(None)
        if is_reusable:
            with self._lock:
                self._idle[address].append(connection)
        else:
            connection.close()

    def _answer(
        self, address: tuple[str, str], target: str, headers: Mapping[str, str], hangup: Hangup
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends the request. A connection that the server closed while it was idle is no failure: the next is tried."""
        while True:
            with self._lock:
                idle = self._idle[address]
                connection = idle.pop() if idle else None
            was_idle = connection is not None
            connection = connection or self._new(address)
            try:
                if not was_idle:
                    connection.connect()
                _wait_at_most(connection, self._stall_s)
                hangup.on(connection)
                connection.request("GET", target, headers=dict(headers))
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                hangup.on(None)
                if not was_idle or isinstance(error, TimeoutError):
                    raise HttpBrokenError(_reason(error)) from error
            except HttpBrokenError:
                connection.close()
                raise

    def _new(self, address: tuple[str, str]) -> http.client.HTTPConnection:
        scheme, host = address
        if scheme == "http":
            connection = (
                http.client.HTTPConnection(host, timeout=self._connect_s)
                if self._dial is None
                else _Dialed(self._dial, None, host, timeout=self._connect_s)
            )
        else:
            with self._lock:
                if self._tls is None:
                    self._tls = ssl.create_default_context(cafile=self._ca_bundle)
            connection = (
                http.client.HTTPSConnection(host, timeout=self._connect_s, context=self._tls)
                if self._dial is None
                else _Dialed(self._dial, self._tls, host, timeout=self._connect_s)
            )
        connection.response_class = WholeResponse
        return connection


class _Dialed(http.client.HTTPConnection):
    """A connection that a Dial opens; with a context it speaks TLS, and checks the certificate by name."""

    def __init__(self, dial: Dial, tls: ssl.SSLContext | None, host: str, *, timeout: float) -> None:
        self.default_port = http.client.HTTPS_PORT if tls is not None else http.client.HTTP_PORT
        super().__init__(host, timeout=timeout)
        self._dial = dial
        self._tls = tls

    def connect(self) -> None:
        opened = self._dial(self.host, self.port, self.timeout)
        self.sock = opened if self._tls is None else self._tls.wrap_socket(opened, server_hostname=self.host)


def _require_range(
    response: http.client.HTTPResponse, start: int, end: int, *, etag: str | None, size_bytes: int | None
) -> None:
    """Holds the answer's head against what was asked for: a server may know neither If-Match nor Range."""
    if response.status not in (_PARTIAL, _WHOLE):
        raise _refusal(response)
    told = response.headers.get("ETag")
    content_type = response.headers.get("Content-Type", "something of no type")
    # Stores keep the type that an object was uploaded with, a page's too: what no store leaves out is the ETag.
    if told is None and (response.status == _WHOLE or is_web_page(content_type)):
        what = "a web page" if is_web_page(content_type) else content_type
        raise HttpStrangeError(f"it answered {response.status} with {what} in place of the object")
    if etag is not None and told is not None and not is_same_etag(told, etag):
        raise HttpChangedError(told)
    if response.status == _PARTIAL:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if (
            match is not None
            and match[3] != "*"
            and (int(match[3]) < end or int(match[3]) != (size_bytes or int(match[3])))
        ):
            raise HttpChangedError(match[3])
        if match is None or (int(match[1]), int(match[2])) != (start, end - 1):
            raise HttpBrokenError("another range was sent than was asked for")
    elif start != 0 or response.length is None:
        raise HttpBrokenError("the server does not send ranges")
    elif response.length != (size_bytes or response.length) or response.length < end:
        raise HttpChangedError(str(response.length))
    elif response.length != end:
        raise HttpBrokenError("the server does not send ranges")


def _refusal(response: http.client.HTTPResponse) -> Exception:
    body = response.read(_ERROR_BYTES)
    if response.length and len(body) < _ERROR_BYTES:
        # Without its code, an answer that may pass would look like one that will not.
        return HttpBrokenError("the answer ended early")
    if is_web_page(response.headers.get("Content-Type")):
        return HttpStrangeError(f"it answered {response.status} with a web page, as no store does")
    return HttpRefusedError(response.status, _first(_CODE, body), unescape(_first(_MESSAGE, body)))


def _first(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    return found[1].decode("utf-8", "replace") if found else ""


def _pour(response: http.client.HTTPResponse, length: int, sink: ByteSink) -> None:
    missing = length
    while missing:
        room = sink.room()
        count = response.readinto(room[:missing])
        if count == 0:
            raise HttpBrokenError("the answer ended early")
        missing -= count
        sink.received(count)


def _close(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
    connection.close()
    response.close()  # which holds the socket too


def _close_all(idle: Mapping[tuple[str, str], list[http.client.HTTPConnection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


def _wait_at_most(connection: http.client.HTTPConnection, stall_s: float) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(stall_s)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no byte came for too long"
    return getattr(error, "strerror", None) or type(error).__name__
