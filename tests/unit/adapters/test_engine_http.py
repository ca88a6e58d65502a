"""What an engine's answers and the transport's failures mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from tests.unit.adapters.answering import Answer, Asked, answering, fixed, refusing_url

from outcrop.adapters.engine_http import EngineHttp, translated
from outcrop.errors import EngineError, ModelFailedError, ModelTimeoutError
from outcrop.records import JsonObject

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


@asynccontextmanager
async def engine(answer: Answer, *, timeout_s: float = 60) -> AsyncIterator[tuple[EngineHttp, list[Asked]]]:
    """A pool of connections to a server that answers so, and what that was asked."""
    async with answering(answer) as (url, seen):
        pool = EngineHttp(url, label="arn:model", request_timeout_s=timeout_s)
        try:
            yield pool, seen
        finally:
            await pool.close()


async def test_a_request_is_posted_as_json() -> None:
    """The engine gets the body as it is, also what JSON has to escape; and nothing that it did not need to know."""
    async with engine(lambda _: web.json_response({"choices": []})) as (pool, seen):
        reply = await pool.post("/v1/completions", {"prompt": "ä\ud800"})

    assert reply == {"choices": []}
    assert (seen[0].method, seen[0].path) == ("POST", "/v1/completions")
    assert json.loads(seen[0].content) == {"prompt": "ä\ud800"}
    assert seen[0].headers["content-type"] == "application/json"
    assert {name.lower() for name in seen[0].headers} == {"host", "accept", "content-type", "content-length"}


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (400, b'{"error": {"message": "too long"}}', "The model refused this request: too long"),
        (400, b'{"message": "too long"}', "The model refused this request: too long"),
        (422, b'{"detail": "unexpected field"}', "The model refused this request: unexpected field"),
        (422, b'{"detail": [{"loc": 1}]}', 'The model refused this request: [{"loc": 1}]'),
        (404, b"Not Found", "The model refused this request: Not Found"),
        (400, b"x" * 2000, "The model refused this request: " + "x" * 1000),
        (
            500,
            b'{"error": "Traceback: /usr/lib"}',
            "The model failed on this request; the engine answered with status 500.",
        ),
    ],
)
async def test_a_refusal_tells_the_engine_s_status_and_words(status: int, content: bytes, message: str) -> None:
    """A caller reads why the engine refused; of its own faults only that it failed."""
    with pytest.raises(ModelFailedError) as caught:
        async with engine(fixed(status, content)) as (pool, _):
            await pool.post("/v1/completions", {})

    assert caught.value.message == message
    assert caught.value.members == {"originalStatusCode": status, "resourceName": "arn:model"}


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (200, b"<html>", "something other than JSON"),
        (200, b"\xff", "something other than JSON"),
        (200, b"[1]", "something other than a JSON object"),
        (302, b"", "status 302"),
    ],
)
async def test_an_answer_that_is_not_of_the_api_is_an_engine_error(status: int, content: bytes, message: str) -> None:
    """Nonsense is the engine's fault, not the caller's."""
    with pytest.raises(EngineError, match=message):
        async with engine(fixed(status, content)) as (pool, _):
            await pool.get("/v1/models")


def _kinds(kind: type[aiohttp.ClientError]) -> Iterator[type[aiohttp.ClientError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


@pytest.mark.parametrize("kind", sorted(set(_kinds(aiohttp.ClientError)), key=lambda kind: kind.__name__))
async def test_every_error_of_the_transport_is_translated(
    kind: type[aiohttp.ClientError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever aiohttp can raise for a request becomes one of our errors: what took too long, or what is broken."""
    is_slow = issubclass(kind, aiohttp.SocketTimeoutError)
    broken = kind.__new__(kind)  # what each takes to be made is its own

    def fail(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(aiohttp.ClientSession, "request", fail)
    with pytest.raises(ModelTimeoutError if is_slow else EngineError) as caught:
        async with engine(fixed(200, b"{}")) as (pool, _):
            await pool.post("/v1/completions", {})

    assert caught.value.__cause__ is broken
    assert type(translated(broken)) is type(caught.value)


async def test_an_engine_that_does_not_answer_in_time_is_told() -> None:
    """The time counts from one byte to the next."""
    over = asyncio.Event()

    async def late(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with engine(late, timeout_s=0.2) as (pool, _):
        with pytest.raises(ModelTimeoutError):
            await pool.post("/v1/completions", {})
        with pytest.raises(ModelTimeoutError):
            await streamed(pool)
        over.set()


async def test_a_stream_that_is_closed_early_closes_its_connection() -> None:
    """The engine sees that nobody listens, and stops generating."""
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b'data: {"a": 1}\n\n')
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with engine(endless) as (pool, _):
        async with aclosing(pool.stream("/v1/completions", {})) as chunks:
            assert await anext(chunks) == {"a": 1}

        await asyncio.wait_for(gone.wait(), 60)


async def test_a_connection_is_used_again() -> None:
    """Also after a stream that was read to its end."""
    ports: set[object] = set()

    async def tells(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        return web.Response(body=b'data: {"a": 1}\n\ndata: [DONE]\n\n' if request.path == "/s" else b"{}")

    async with engine(tells) as (pool, seen):
        await pool.post("/p", {})
        assert [chunk async for chunk in pool.stream("/s", {})] == [{"a": 1}]
        await pool.post("/p", {})

    assert len(seen) == 3
    assert len(ports) == 1


async def streamed(pool: EngineHttp) -> list[JsonObject]:
    """All chunks of a stream."""
    return [chunk async for chunk in pool.stream("/v1/completions", {"prompt": "x"})]


async def test_a_stream_is_asked_for_with_its_usage() -> None:
    """The chunks come as they are, up to OpenAI's last event."""
    content = b'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]\n\ndata: {}\n\n'
    async with engine(fixed(200, content)) as (pool, seen):
        assert await streamed(pool) == [{"a": 1}, {"b": 2}]

    asked = {"prompt": "x", "stream": True, "stream_options": {"include_usage": True}}
    assert json.loads(seen[0].content) == asked


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (400, b'{"error": {"message": "too long"}}', ModelFailedError, "refused this request: too long"),
        (500, b"Traceback", ModelFailedError, "answered with status 500"),
        (200, b'data: {"error": "no memory"}\n\n', ModelFailedError, "answered with status 500"),
        (200, b'data: {"error": {"code": 400, "message": "bad"}}\n\n', ModelFailedError, "request: bad"),
        (200, b'data: {"error": "say "no""}\n\n', EngineError, "other than JSON"),
        (302, b"", EngineError, "status 302"),
    ],
)
async def test_what_goes_wrong_with_a_stream_is_told(
    status: int, content: bytes, kind: type[Exception], message: str
) -> None:
    """Before the first chunk, and in a chunk."""
    async with engine(fixed(status, content)) as (pool, _):
        with pytest.raises(kind, match=message):
            await streamed(pool)


async def test_an_engine_that_dies_in_a_stream_is_an_engine_error() -> None:
    """What came before is passed on."""

    async def dying(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'data: {"a": 1}\n\n')
        assert request.transport is not None
        request.transport.close()
        return response

    async with engine(dying) as (pool, _):
        chunks = pool.stream("/v1/completions", {})

        assert await anext(chunks) == {"a": 1}
        with pytest.raises(EngineError, match="ClientPayloadError"):
            await anext(chunks)


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False), (404, False)])
async def test_an_engine_is_healthy_when_it_says_so(status: int, is_healthy: bool) -> None:  # noqa: FBT001
    """Only a success means that the model is loaded."""
    async with engine(fixed(status, b"{}")) as (pool, _):
        assert await pool.is_healthy() is is_healthy


async def test_an_engine_that_cannot_be_reached_is_not_healthy() -> None:
    """While it starts, nothing listens."""
    pool = EngineHttp(refusing_url(), label="x", request_timeout_s=60)

    assert not await pool.is_healthy()
    await pool.close()


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    """Uvicorn closes one after an answer of 500; a request that takes it from the pool at that moment is sent again."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request of each connection, and leaves the second unanswered."""
        nonlocal requests
        for is_first in (True, False):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break  # the pool was closed
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            requests += 1
            if is_first:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pool = EngineHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", label="x", request_timeout_s=60)
    try:
        replies = [await pool.post("/v1/completions", {}) for _ in range(2)]
    finally:
        await pool.close()
        server.close()

    assert (replies, requests) == ([{}, {}], 3)
