"""Work that ends when its client leaves."""

import asyncio
from typing import Any

import pytest

from outcrop.wire.client import while_connected


async def _stays() -> None:
    await asyncio.Event().wait()


async def _sends_and_leaves() -> dict[str, Any]:
    return messages.pop(0)


messages: list[dict] = []


def test_work_for_a_client_that_stays_is_finished() -> None:
    """The result is returned, and the watcher goes."""

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(while_connected(_stays, work(), gone="gone")) == "done"


def test_work_is_cancelled_when_the_client_leaves() -> None:
    """A disconnect cancels the work, which can clean up."""
    messages[:] = [{"type": "http.request"}, {"type": "http.disconnect"}]
    cleaned = []

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)
        return "done"

    assert asyncio.run(while_connected(_sends_and_leaves, work(), gone="gone")) == "gone"
    assert cleaned == [True]


def test_a_cancelled_server_cancels_the_work() -> None:
    """Cancellation from outside passes through: it is not a client that left."""

    async def stop_early() -> None:
        async with asyncio.timeout(0):
            await while_connected(_stays, _stays(), gone=None)

    with pytest.raises(TimeoutError):
        asyncio.run(stop_early())
