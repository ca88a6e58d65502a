"""The proxy itself: what it passes on, and how it is away."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.services.breakable import Breakable, Way, breakable

WAIT_S = 60.0


@pytest.fixture
def echo() -> Iterator[Breakable]:
    """The way to a server that says what it hears."""

    def answer(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        with breakable(("127.0.0.1", listener.getsockname()[1])) as proxy:
            yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def connected(proxy: Breakable) -> socket.socket:
    """A client."""
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S)


def said(client: socket.socket, text: bytes) -> bytes:
    """What comes back; nothing, once the other end has gone."""
    try:
        client.sendall(text)
        return client.recv(4096)
    except ConnectionError:
        return b""


def test_it_passes_on_what_is_said(echo: Breakable) -> None:
    """Both ways, and counts it."""
    with connected(echo) as client:
        assert said(client, b"hello") == b"hello"
    assert echo.passed_bytes == 10


def test_refused_means_cut_and_refused(echo: Breakable) -> None:
    """Who talks is cut off, who comes is refused; on the same port it is there again."""
    with connected(echo) as client:
        assert said(client, b"a") == b"a"
        echo.away()
        assert said(client, b"b") == b""
    with pytest.raises(ConnectionRefusedError):
        connected(echo)
    echo.back()
    with connected(echo) as client:
        assert said(client, b"c") == b"c"


def test_swallowed_means_silence(echo: Breakable) -> None:
    """Connections are there, and nothing comes; afterwards they are gone."""
    echo.away(Way.SWALLOWED)
    with connected(echo) as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            said(client, b"a")
        echo.back()
        client.settimeout(WAIT_S)
        assert said(client, b"b") == b""
    with connected(echo) as client:
        assert said(client, b"c") == b"c"


def test_it_holds_what_it_is_told_to(echo: Breakable) -> None:
    """From a number of bytes on, until it lets go."""
    echo.hold_after(2)
    with connected(echo) as client:
        assert said(client, b"a") == b"a"
        client.sendall(b"b")
        assert echo.held.wait(WAIT_S)
        echo.let_go()
        assert client.recv(1) == b"b"
