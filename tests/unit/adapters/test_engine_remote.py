"""An engine that somebody else runs."""

from __future__ import annotations

import pytest
from aiohttp import web
from tests.unit.adapters.answering import answering, fixed, refusing_url

from outcrop.adapters.engine_remote import RemoteEngine
from outcrop.errors import EngineError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


async def test_requests_name_the_model_that_the_engine_serves() -> None:
    """Whatever stands at the URL decides what its model is called; OpenAI's `/v1` may end the URL."""
    async with answering(lambda _: web.json_response({"data": [{"id": "their-model"}]})) as (url, seen):
        address = url.removeprefix("http://")
        running = await RemoteEngine(f"http://user:secret@{address}/api/v1/").start("/none", label="x")
        await running.post("/v1/completions", {"prompt": "x"})
        await running.stop()

    assert [asked.path for asked in seen] == ["/api/v1/models", "/api/v1/completions"]
    assert seen[1].content == b'{"prompt": "x", "model": "their-model"}'
    assert seen[1].headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert running.description == "OpenAI API at 127.0.0.1"


@pytest.mark.parametrize(
    ("status", "content"), [(200, b"{}"), (200, b'{"data": []}'), (200, b'{"data": [5]}'), (404, b""), (500, b"")]
)
async def test_an_engine_that_names_no_model_is_refused(status: int, content: bytes) -> None:
    """A URL that is not an engine's is noticed at the start."""
    async with answering(fixed(status, content)) as (url, _):
        with pytest.raises(EngineError, match="lists no models"):
            await RemoteEngine(url).start("/none", label="x")


async def test_an_engine_that_is_away_is_told() -> None:
    """Nothing listens at the URL."""
    with pytest.raises(EngineError, match="cannot be talked to: ClientConnectorError"):
        await RemoteEngine(refusing_url()).start("/none", label="x")
