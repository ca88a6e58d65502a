"""Structured concurrency: a task group that raises what went wrong, not a group of it."""

from __future__ import annotations

import asyncio
from types import TracebackType


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
