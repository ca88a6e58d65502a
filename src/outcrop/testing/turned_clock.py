"""A Clock that moves when a test turns it, so that nothing in a test waits for time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

SETTLING_TURNS = 100
"""How often the event loop goes round before nothing that needs no time can be left to do."""
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class TurnedClock:
    """Time that stands still until it is turned."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return BEGINNING + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Waits until the clock was turned that far."""
        waked = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + seconds, next(self._order), waked))
        await waked

    async def turn(self, seconds: float) -> None:
        """Lets time pass, wakes whoever slept until then, in order, and lets everybody act on it."""
        until = self._seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._seconds, _, waked = heapq.heappop(self._sleepers)
            if not waked.done():
                waked.set_result(None)
            await settle()
        self._seconds = until


async def settle() -> None:
    """Lets every task go on until it waits for time or for the test."""
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)
