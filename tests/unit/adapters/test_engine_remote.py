"""An engine that somebody else runs."""

from __future__ import annotations

import httpx
import pytest

from outcrop.adapters.engine_remote import RemoteEngine
from outcrop.errors import EngineError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


async def test_requests_name_the_model_that_the_engine_serves() -> None:
    """Whatever stands at the URL decides what its model is called; OpenAI's `/v1` may end the URL."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": [{"id": "their-model"}]})

    engine = RemoteEngine("http://user:secret@host:8000/api/v1/", transport=httpx.MockTransport(handler))
    running = await engine.start("/none", label="x")
    await running.post("/v1/completions", {"prompt": "x"})
    await running.stop()

    assert [request.url.path for request in seen] == ["/api/v1/models", "/api/v1/completions"]
    assert seen[1].content == b'{"prompt": "x", "model": "their-model"}'
    assert running.description == "OpenAI API at host"


@pytest.mark.parametrize(
    ("status", "content"), [(200, b"{}"), (200, b'{"data": []}'), (200, b'{"data": [5]}'), (404, b""), (500, b"")]
)
async def test_an_engine_that_names_no_model_is_refused(status: int, content: bytes) -> None:
    """A URL that is not an engine's is noticed at the start."""
    engine = RemoteEngine(
        "http://host", transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    )

    with pytest.raises(EngineError, match="lists no models"):
        await engine.start("/none", label="x")


async def test_an_engine_that_is_away_is_told() -> None:
    """Nothing listens at the URL."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(EngineError, match="cannot be talked to: ConnectError"):
        await RemoteEngine("http://host", transport=httpx.MockTransport(handler)).start("/none", label="x")
