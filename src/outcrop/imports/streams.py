"""How many parts an import reads at once: as many as make it faster.

A far store gives each connection a little, so that many are needed. With a near one, the processor is the limit, and
more than a few threads only drive each other's segments out of its cache: on two cores, 14 took a quarter longer than
four.
"""

from __future__ import annotations

import asyncio

from outcrop.ports import Clock

FIRST = 4
GROWTH = 1.5
FASTER = 1.1
"""By how much more a larger number must carry to be kept."""
KEPT_S = 30.0
"""After this long a larger number is tried again: the store, or the way to it, may have changed."""


class Pace:
    """Finds the number by trying. Pure: it is told of finished parts and the time."""

    def __init__(self, now: float) -> None:
        self.limit = FIRST
        self._best = (0.0, FIRST)
        """The greatest rate so far, in bytes a second, and the number that gave it."""
        self._kept_until = now
        self._begin(now)

    def finished(self, size_bytes: int, now: float) -> None:
        """Counts a part, and changes the limit once enough of them tell how fast the present one is."""
        self._parts += 1
        if self._parts <= 0:
            self._since = now
            return
        self._bytes += size_bytes
        if self._parts < 2 * self.limit or now <= self._since:
            return
        self._judge(self._bytes / (now - self._since), now)
        self._begin(now)

    def _judge(self, rate: float, now: float) -> None:
        best_rate, best_limit = self._best
        if self.limit == best_limit and best_rate:
            # Nothing new was tried: the number is kept, and its rate is what it is now.
            self._best = (rate, best_limit)
            if now >= self._kept_until:
                self.limit = _more(best_limit)
        elif rate >= best_rate * FASTER:
            self._best = (rate, self.limit)
            self.limit = _more(self.limit)
        else:
            self.limit = best_limit
            self._kept_until = now + KEPT_S

    def _begin(self, now: float) -> None:
        # The parts that are under way belong half to the number before.
        self._parts = -self.limit
        self._bytes = 0
        self._since = now


class Streams:
    """Places for the parts of one import."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace(clock.monotonic())
        self._busy = 0
        self._freed = asyncio.Event()

    async def acquire(self) -> None:
        """Takes a place, as soon as there is one."""
        while self._busy >= self._pace.limit:
            self._freed.clear()
            await self._freed.wait()
        self._busy += 1

    def release(self) -> None:
        """Gives a place back."""
        self._busy -= 1
        self._freed.set()

    def finished(self, size_bytes: int) -> None:
        """Counts a part that was copied."""
        self._pace.finished(size_bytes, self._clock.monotonic())


def _more(limit: int) -> int:
    return round(limit * GROWTH)
