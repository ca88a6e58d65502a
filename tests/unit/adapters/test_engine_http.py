"""What an engine's answers and the transport's failures mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from outcrop.adapters.engine_http import EngineHttp, translated
from outcrop.errors import EngineError, ModelFailedError, ModelTimeoutError
from outcrop.records import JsonObject

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


def engine(handler: Callable[[httpx.Request], httpx.Response]) -> EngineHttp:
    """A pool of connections to a handler."""
    return EngineHttp("http://engine", label="arn:model", request_timeout_s=1, transport=httpx.MockTransport(handler))


def answering(status: int, content: bytes) -> EngineHttp:
    """A pool of connections to an engine that always answers this."""
    return engine(lambda _: httpx.Response(status, content=content))


async def test_a_request_is_posted_as_json() -> None:
    """The engine gets the body as it is, also what JSON has to escape."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"choices": []})

    reply = await engine(handler).post("/v1/completions", {"prompt": "ä\ud800"})

    assert reply == {"choices": []}
    assert (seen[0].method, str(seen[0].url)) == ("POST", "http://engine/v1/completions")
    assert seen[0].headers["content-type"] == "application/json"
    assert json.loads(seen[0].content) == {"prompt": "ä\ud800"}


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
        await answering(status, content).post("/v1/completions", {})

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
        await answering(status, content).get("/v1/models")


def _kinds(kind: type[httpx.RequestError]) -> Iterator[type[httpx.RequestError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


@pytest.mark.parametrize("kind", list(_kinds(httpx.RequestError)))
async def test_every_error_of_the_transport_is_translated(kind: type[httpx.RequestError]) -> None:
    """Whatever httpx can raise for a request becomes one of our errors: what took too long, or what is broken."""
    is_slow = kind in (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)

    def handler(_: httpx.Request) -> httpx.Response:
        raise kind("it broke")

    with pytest.raises(ModelTimeoutError if is_slow else EngineError) as caught:
        await engine(handler).post("/v1/completions", {})

    assert isinstance(caught.value.__cause__, kind)
    assert "it broke" not in str(caught.value)
    assert type(translated(kind("it broke"))) is type(caught.value)


async def streamed(pool: EngineHttp) -> list[JsonObject]:
    """All chunks of a stream."""
    return [chunk async for chunk in pool.stream("/v1/completions", {"prompt": "x"})]


async def test_a_stream_is_asked_for_with_its_usage() -> None:
    """The chunks come as they are, up to OpenAI's last event."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b'data: {"a": 1}\n\ndata: {"b": 2}\n\ndata: [DONE]\n\ndata: {}\n\n')

    assert await streamed(engine(handler)) == [{"a": 1}, {"b": 2}]
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
    with pytest.raises(kind, match=message):
        await streamed(answering(status, content))


async def test_an_engine_that_dies_in_a_stream_is_an_engine_error() -> None:
    """What came before is passed on."""

    async def dying() -> AsyncIterator[bytes]:
        yield b'data: {"a": 1}\n\n'
        raise httpx.RemoteProtocolError("gone")

    chunks = engine(lambda _: httpx.Response(200, content=dying())).stream("/v1/completions", {})

    assert await anext(chunks) == {"a": 1}
    with pytest.raises(EngineError, match="RemoteProtocolError"):
        await anext(chunks)


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False), (404, False)])
async def test_an_engine_is_healthy_when_it_says_so(status: int, is_healthy: bool) -> None:  # noqa: FBT001
    """Only a success means that the model is loaded."""
    assert await answering(status, b"{}").is_healthy() is is_healthy


async def test_an_engine_that_cannot_be_reached_is_not_healthy() -> None:
    """While it starts, nothing listens."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert not await engine(handler).is_healthy()
