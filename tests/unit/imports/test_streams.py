"""How many parts are read at once."""

import asyncio
from collections.abc import Callable

import pytest

from outcrop.imports.streams import FIRST, KEPT_S, Pace, Streams
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

PART = 16 << 20


def limits(rate_of: Callable[[int], float], parts: int, pace: Pace | None = None, now: float = 0.0) -> list[int]:
    """The limits that a pace comes to, where `rate_of` a number of streams is in bytes a second."""
    pace = pace or Pace(now)
    seen = [pace.limit]
    for _ in range(parts):
        now += PART / rate_of(pace.limit)
        pace.finished(PART, now)
        if pace.limit != seen[-1]:
            seen.append(pace.limit)
    return seen


def test_streams_that_each_bring_something_grow_in_number() -> None:
    """A far store: each connection carries 90 MB/s, and the line ten times that."""
    seen = limits(lambda streams: min(streams * 90e6, 900e6), 400)

    assert seen[0] == FIRST
    assert 9 <= seen[-1] <= 14
    assert max(seen) <= 21


def test_where_more_carry_no_more_the_first_number_stays() -> None:
    """A near store: one try, and back."""
    assert limits(lambda _: 1e9, 300) == [FIRST, 6, FIRST]


def test_where_more_carry_less_the_first_number_stays() -> None:
    """The processor's cache is the limit."""
    assert limits(lambda streams: 4e9 / streams, 300) == [FIRST, 6, FIRST]


def test_after_a_while_more_are_tried_again() -> None:
    """The store was slow for itself, and now is not."""
    pace = Pace(0.0)
    limits(lambda _: 1e9, 100, pace)
    assert pace.limit == FIRST

    later = limits(lambda streams: streams * 90e6, 100, pace, now=10 + KEPT_S)

    assert later[-1] > FIRST


async def test_no_more_are_busy_than_the_limit() -> None:
    """The next waits for a place, and gets the one that is given back."""
    streams = Streams(FakeClock())
    for _ in range(FIRST):
        await streams.acquire()
    waiting = asyncio.create_task(streams.acquire())
    await asyncio.sleep(0)
    assert not waiting.done()

    streams.release()

    await asyncio.wait_for(waiting, 1)


async def test_who_gives_up_waiting_takes_no_place() -> None:
    """A cancelled import leaves the others as many."""
    streams = Streams(FakeClock())
    for _ in range(FIRST):
        await streams.acquire()
    waiting = asyncio.create_task(streams.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})

    streams.release()
    await asyncio.wait_for(streams.acquire(), 1)
