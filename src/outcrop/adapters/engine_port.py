"""Keeps a free port of loopback for an engine that will listen on it seconds later."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Gives a port that the kernel hands to nobody else meanwhile, so that no stranger answers in our engine's place.

    The port is bound here without listening. Who binds it with SO_REUSEADDR, as uvicorn and vLLM do, may listen on it;
    automatic choices of a port pass it by.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
