"""Whether the parts that a server needs answer: all asked at once, each with its own limit, at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from outcrop.ports import Clock

KEPT_S = 1.0
TIMEOUT_S = 2.0


class Readiness:
    """What was last found of each part.

    A part that does not answer in time is away, and is not asked again while that question is open: an answer that
    takes for ever costs one question, however often somebody wants to know.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], Awaitable[object]]],
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._checks = checks
        self._clock = clock
        self._timeout_s = timeout_s
        self._open: dict[str, asyncio.Task[object]] = {}
        self._found: dict[str, str | None] = {}
        self._found_at: float | None = None
        self._turn = asyncio.Lock()

    async def parts(self) -> Mapping[str, str | None]:
        """Returns for each part why it is away, None for one that answers; at most a second old."""
        async with self._turn:
            if self._found_at is None or self._clock.monotonic() - self._found_at >= KEPT_S:
                names = list(self._checks)
                found = await asyncio.gather(*(self._ask(name) for name in names))
                self._found = dict(zip(names, found, strict=True))
                self._found_at = self._clock.monotonic()
            return self._found

    async def _ask(self, name: str) -> str | None:
        task = self._open.get(name)
        if task is None:
            task = self._open[name] = asyncio.ensure_future(_asked(self._checks[name]))
        await asyncio.wait({task}, timeout=self._timeout_s)
        if not task.done():
            return f"no answer within {self._timeout_s:g} s"
        del self._open[name]
        error = task.exception()
        # The kind alone: its words may name hosts and paths, and nobody signed this request.
        return None if error is None else type(error).__name__


async def _asked(check: Callable[[], Awaitable[object]]) -> object:
    return await check()
