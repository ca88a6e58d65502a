"""Waiting for what is away: growing waits with jitter, until a deadline, and not for what will not pass."""

from __future__ import annotations

import pytest

from outcrop.errors import SourceDeniedError, SourceMissingError, UnavailableError
from outcrop.imports.outages import FIRST_WAIT_S, JITTER, LONGEST_WAIT_S, through_outages
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

OUTAGE_S = 100.0


class Away:
    """Work that is refused for a while, and notes when it was tried."""

    def __init__(self, clock: FakeClock, *, refusals: float, error: Exception | None = None) -> None:
        self._clock = clock
        self._refusals = refusals
        self._error = error or UnavailableError("the store", "503 SlowDown")
        self.tries: list[float] = []
        self.done_bytes = 0

    async def __call__(self) -> str:
        """Refuses, or is done."""
        self.tries.append(self._clock.monotonic())
        if len(self.tries) <= self._refusals:
            raise self._error
        return "done"

    @property
    def waits(self) -> list[float]:
        """Seconds between tries."""
        return [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]


async def test_waits_grow_and_are_never_all_the_same() -> None:
    """Doubled each time up to the longest, of which up to a half falls away by chance."""
    clock = FakeClock()
    work = Away(clock, refusals=7)

    assert await through_outages(work, clock=clock, outage_s=1000) == "done"

    full = [min(FIRST_WAIT_S * 2**number, LONGEST_WAIT_S) for number in range(7)]
    assert all(wait * (1 - JITTER) <= waited <= wait for wait, waited in zip(full, work.waits, strict=True))
    assert work.waits != full


async def test_what_stays_away_is_given_up_within_the_deadline() -> None:
    """It says so itself, so that nobody waits for it a second time."""
    clock = FakeClock()
    work = Away(clock, refusals=float("inf"))

    with pytest.raises(UnavailableError) as given_up:
        await through_outages(work, clock=clock, outage_s=OUTAGE_S)

    assert OUTAGE_S - LONGEST_WAIT_S <= clock.monotonic() <= OUTAGE_S
    assert given_up.value.is_waited_out
    with pytest.raises(UnavailableError):
        await through_outages(Away(clock, refusals=1, error=given_up.value), clock=clock, outage_s=OUTAGE_S)
    assert clock.monotonic() <= OUTAGE_S


async def test_what_gets_on_is_not_away() -> None:
    """A source that breaks off every few bytes is slow: its deadline begins anew whenever it got on."""
    clock = FakeClock()
    work = Away(clock, refusals=400)

    def progress() -> int:
        return len(work.tries)

    assert await through_outages(work, clock=clock, outage_s=OUTAGE_S, progress=progress) == "done"
    assert max(work.waits) <= FIRST_WAIT_S


@pytest.mark.parametrize("error", [SourceDeniedError("403"), SourceMissingError("404")])
async def test_what_will_not_pass_is_not_tried_again(error: Exception) -> None:
    """A refusal and a missing object stay what they are."""
    clock = FakeClock()
    work = Away(clock, refusals=1, error=error)

    with pytest.raises(type(error)):
        await through_outages(work, clock=clock, outage_s=OUTAGE_S)

    assert (len(work.tries), clock.monotonic()) == (1, 0)
