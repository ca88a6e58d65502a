"""An HTTP server on loopback that answers as a test wants, and tells what it was asked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes


Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[str, list[Asked]]]:
    """Gives the URL of the server, and the list that its requests are added to."""
    seen: list[Asked] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(
            Asked(method=request.method, path=request.path, headers=request.headers, content=await request.read())
        )
        answered = answer(request)
        return answered if isinstance(answered, web.StreamResponse) else await answered

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(application, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/"), seen


def fixed(status: int, content: bytes) -> Answer:
    """Answers always the same."""
    return lambda _: web.Response(status=status, body=content)


def refusing_url() -> str:
    """The URL of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
