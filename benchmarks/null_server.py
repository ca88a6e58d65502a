"""The null engine on a port, in a process of its own: benchmarks.null_server PORT SECONDS_PER_CHUNK."""

from __future__ import annotations

import asyncio
import sys

from granian.constants import Interfaces
from granian.server.embed import Server

from outcrop.testing.null_engine import paced_app


def serve() -> None:
    """Serves until it is ended."""
    port, chunk_s = int(sys.argv[1]), float(sys.argv[2])
    server = Server(
        paced_app(chunk_s),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        backpressure=4096,  # connections at once; Granian's own default is 128
        log_enabled=False,
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    serve()
