"""A clock that moves only when somebody sleeps on it, or when it is told to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeClock:
    """Clock without waiting: `sleep` moves time on and lets other tasks run."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        """The wall clock, which begins on 2 January 2026."""
        return BEGIN + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Moves time on."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Moves time on, at once."""
        self._seconds += seconds
