"""Structured concurrency: a task group that raises what went wrong, and threads that nobody leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

Result = TypeVar("Result")


class Tasks(asyncio.TaskGroup):
    """A TaskGroup whose first error is raised as it is: callers catch the errors of `errors.py`, not groups of them.

    The other tasks are cancelled and awaited, as in any TaskGroup.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for all tasks."""
        try:
            await super().__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            raise _first(group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


async def in_thread(
    executor: Executor, work: Callable[[], Result], *, give_up: Callable[[], None] | None = None
) -> Result:
    """Runs `work` in a thread; also when cancelled, it returns only once the thread is done with its memory and files.

    Args:
        executor: whose threads.
        work: what to do.
        give_up: called when cancelled, to end the work early.
    """
    running = executor.submit(work)
    future = asyncio.wrap_future(running)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not running.cancel():
            if give_up is not None:
                give_up()
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({future})
            future.exception()  # it has been seen; the cancellation is what counts
        raise
