"""Wrong requests to a whole server over its port, in HTTP/1.1 and HTTP/2: see test_fuzz.

What is not HTTP at all never reaches Outcrop: the HTTP library refuses it with 400 and no body, or closes.
"""

import http.client
import random
import socket
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset
from tests.e2e.servers import RunningServer, running_server
from tests.wire.fuzz import Sent, changed_request
from tests.wire.modelled import Answered, require_modelled

from outcrop.records import Principal

FIRST = 18_000
"""Numbers of test_fuzz end here."""
HTTP1_REQUESTS, HTTP2_REQUESTS = 1_500, 500
PATIENCE_S = 20.0
MOST_BYTES = 65_536

WINDOW_BYTES = 60_000

CONNECTION_HEADERS = {b"transfer-encoding", b"connection", b"content-length", b"expect"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an empty folder of buckets; its jobs fail at once."""
    buckets = tmp_path_factory.mktemp("buckets")
    with running_server(tmp_path_factory.mktemp("fuzzed") / "data", "--buckets", str(buckets)) as running:
        yield running


@pytest.fixture(scope="module")
def address(server: RunningServer) -> tuple[str, int]:
    """Where the server listens."""
    url = urlsplit(server.variables["AWS_ENDPOINT_URL_BEDROCK"])
    return str(url.hostname), int(url.port or 0)


@pytest.fixture(scope="module")
def signer(server: RunningServer) -> Principal:
    """The server's root principal."""
    return Principal(
        arn="",
        account="",
        access_key_id=server.variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=server.variables["AWS_SECRET_ACCESS_KEY"],
    )


def test_every_changed_request_over_http1_is_answered_as_modelled(
    server: RunningServer, address: tuple[str, int], signer: Principal
) -> None:
    """Bodies in one piece, in chunks, and of another length than was said."""
    statuses: Counter[int | None] = Counter()

    for number in range(FIRST, FIRST + HTTP1_REQUESTS):
        sent = changed_request(number, signer, datetime.now(UTC))
        raw, is_whole = _as_http1(sent, random.Random(number))  # to be made again, not to be unforeseen
        answer = _ask_http1(address, raw, sent.method, is_whole=is_whole)
        told = f"request {number}: {raw!r}"
        statuses[answer.status if answer else None] += 1
        if answer is not None and not _is_of_the_library(answer):
            require_modelled(answer, method=sent.method, operation=None, told=told)

    assert statuses.total() == HTTP1_REQUESTS
    assert statuses[200] + statuses[201] > HTTP1_REQUESTS / 50
    assert statuses[None] < HTTP1_REQUESTS / 20
    assert "request_failed" not in server.log()


def test_every_changed_request_over_http2_is_answered_as_modelled(
    server: RunningServer, address: tuple[str, int], signer: Principal
) -> None:
    """One connection, until the server ends it for a breach of the protocol."""
    statuses: Counter[int | None] = Counter()
    client = _Http2Client(address)

    for number in range(FIRST + HTTP1_REQUESTS, FIRST + HTTP1_REQUESTS + HTTP2_REQUESTS):
        sent = changed_request(number, signer, datetime.now(UTC))
        answer = client.ask(sent)
        statuses[answer.status if answer else None] += 1
        if answer is None:
            client.close()
            client = _Http2Client(address)
        elif not _is_of_the_library(answer):
            require_modelled(answer, method=sent.method, operation=None, told=f"request {number}: {sent}")
    client.close()

    assert statuses.total() == HTTP2_REQUESTS
    assert statuses[200] + statuses[201] > HTTP2_REQUESTS / 50
    assert statuses[None] < HTTP2_REQUESTS / 5
    assert "request_failed" not in server.log()


def test_an_idle_http2_connection_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    """Nor does half a body: `running_server` waits for the end of the process, and would raise."""
    (tmp_path / "buckets").mkdir()

    with running_server(tmp_path / "data", "--buckets", str(tmp_path / "buckets")) as server:
        url = urlsplit(server.variables["AWS_ENDPOINT_URL_BEDROCK"])
        address = str(url.hostname), int(url.port or 0)
        idle, sending = _Http2Client(address), socket.create_connection(address)
        answer = idle.ask(Sent(method="GET", path=b"/"))
        sending.sendall(b"POST /tagResource HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
    idle.close()
    sending.close()

    assert answer is not None
    assert answer.status == 404
    assert server.process.returncode == 0


def _is_of_the_library(answer: Answered) -> bool:
    names = {name for name, _ in answer.headers}
    return answer.status in (400, 413, 414, 431) and not answer.body and "x-amzn-requestid" not in names


# --- HTTP/1.1 -----------------------------------------------------------------------------------------------------


def _as_http1(sent: Sent, chance: random.Random) -> tuple[bytes, bool]:
    """The bytes of a request, and whether they are all that they say."""
    target = sent.path + (b"?" + sent.query if sent.query else b"")
    lines = [sent.method.encode() + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in sent.headers]
    names = {name for name, _ in sent.headers}
    body, is_whole = sent.body, True
    if b"transfer-encoding" in names or (b"content-length" not in names and chance.random() < 0.2):  # some
        if b"transfer-encoding" not in names:
            lines.append(b"transfer-encoding: chunked")
        body, is_whole = _chunked(body, chance)
    elif b"content-length" not in names and (body or sent.method == "POST"):
        wrong = chance.choice([0, 0, 0, 0, 0, 0, 0, 0, 1, -1])
        lines.append(b"content-length: " + str(max(0, len(body) + wrong)).encode())
        is_whole = wrong <= 0
    return b"\r\n".join(lines) + b"\r\n\r\n" + body, is_whole


def _chunked(body: bytes, chance: random.Random) -> tuple[bytes, bool]:
    size = chance.choice([1 + len(body) // 7, 1 + len(body)])
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    end = chance.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"zz\r\n", b""])
    return b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + end, bool(end)


def _ask_http1(address: tuple[str, int], raw: bytes, method: str, *, is_whole: bool) -> Answered | None:
    """Sends bytes, and the end of them where more were announced; None when the server closes without an answer."""
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(raw)
            if not is_whole:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has been refused already, and the answer waits.
        response = http.client.HTTPResponse(connection, method=method)
        try:
            response.begin()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Answered(status=response.status, headers=headers, body=body)


# --- HTTP/2 -------------------------------------------------------------------------------------------------------


class _Http2Client:
    """One connection that sends what it is told, however wrong."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE_S)
        config = H2Configuration(
            header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = H2Connection(config)
        self._h2.initiate_connection()

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def ask(self, sent: Sent) -> Answered | None:
        """Sends a request; None when its stream or the connection is ended without an answer."""
        target = sent.path + (b"?" + sent.query if sent.query else b"")
        stream = self._h2.get_next_available_stream_id()
        headers = [
            (b":method", sent.method.encode()),
            (b":scheme", b"http"),
            (b":authority", b"localhost"),
            (b":path", target),
            *((name, value) for name, value in sent.headers if name not in CONNECTION_HEADERS | {b"host"}),
        ]
        # What is larger than the window is cut, like other bodies; over HTTP/1.1 they are sent whole.
        body = sent.body[:WINDOW_BYTES]
        self._h2.send_headers(stream, headers, end_stream=not body)
        if body:
            for at in range(0, len(body), self._h2.max_outbound_frame_size):
                self._h2.send_data(stream, body[at : at + self._h2.max_outbound_frame_size])
            self._h2.end_stream(stream)
        try:
            self._socket.sendall(self._h2.data_to_send())
            return self._answer(stream)
        except OSError:
            return None

    def _answer(self, stream: int) -> Answered | None:
        status, headers, body = 0, [], b""
        while True:
            data = self._socket.recv(MOST_BYTES)
            if not data:
                return None
            for event in self._h2.receive_data(data):
                if isinstance(event, ConnectionTerminated) or (
                    isinstance(event, StreamReset) and event.stream_id == stream and not status
                ):
                    return None
                if isinstance(event, ResponseReceived) and event.stream_id == stream:
                    headers = [(str(name), str(value)) for name, value in event.headers or []]
                    status = int(dict(headers).pop(":status"))
                elif isinstance(event, DataReceived) and event.stream_id == stream:
                    body += event.data or b""
                    self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, StreamEnded) and event.stream_id == stream:
                    self._socket.sendall(self._h2.data_to_send())
                    kept = [(name, value) for name, value in headers if not name.startswith(":")]
                    return Answered(status=status, headers=kept, body=body)
            self._socket.sendall(self._h2.data_to_send())
