"""The port that is kept for an engine."""

from __future__ import annotations

import socket

import pytest

from outcrop.adapters.engine_port import reserved_port


def test_an_engine_can_listen_on_its_port_while_it_is_reserved() -> None:
    """Uvicorn and vLLM bind with SO_REUSEADDR."""
    with reserved_port() as port, socket.socket() as engine, socket.socket() as client:
        engine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        engine.bind(("127.0.0.1", port))
        engine.listen()

        client.connect(("127.0.0.1", port))


def test_nobody_answers_on_a_reserved_port() -> None:
    """Until the engine listens, a request for its health is refused."""
    with reserved_port() as port, socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", port))


def test_nobody_else_is_given_a_reserved_port() -> None:
    """The kernel's own choices pass it by: of 2,000, each a different one, none is it."""
    with reserved_port() as port:
        others = [socket.socket() for _ in range(2000)]
        for other in others:
            other.bind(("127.0.0.1", 0))
        chosen = {other.getsockname()[1] for other in others}
        for other in others:
            other.close()

    assert len(chosen) == 2000
    assert port not in chosen
