"""Clients that leave: the work for them ends with them."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

Result = TypeVar("Result")


class ClientGoneError(Exception):
    """The client closed its connection: nobody is left to answer."""


async def while_connected(receive: Receive, work: Awaitable[Result], *, gone: Result) -> Result:
    """Awaits the work; cancels it, and returns `gone`, when the client leaves first."""
    result = gone
    try:
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_raise_when_gone(receive))
            result = await work
            watcher.cancel()
    except* ClientGoneError:
        pass
    return result


async def _raise_when_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise ClientGoneError
