"""Whether the parts answer: asked at once, each with its limit, and not too often."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from outcrop.console.health import KEPT_S, Readiness
from outcrop.errors import UnavailableError
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

LONG_S = 60.0


class Part:
    """A part that answers, fails, or keeps silent until it is told to speak."""

    def __init__(self, error: Exception | None = None, *, is_silent: bool = False) -> None:
        self.error = error
        self.speak = asyncio.Event()
        if not is_silent:
            self.speak.set()
        self.heard = asyncio.Event()
        self.asked = 0

    async def __call__(self) -> None:
        """Answers."""
        self.asked += 1
        self.heard.set()
        await self.speak.wait()
        if self.error is not None:
            raise self.error


def readiness(clock: FakeClock, *, timeout_s: float = LONG_S, **parts: Callable[[], Awaitable[object]]) -> Readiness:
    """The readiness of some parts."""
    return Readiness(parts, clock, timeout_s=timeout_s)


async def test_each_part_is_told_by_itself() -> None:
    """One that is away does not hide another; whatever it raises, only its kind is told."""
    away, broken = Part(UnavailableError("the vault", "secret.host")), Part(ZeroDivisionError("secret"))

    found = await readiness(FakeClock(), catalog=Part(), vault=away, jobs=broken).parts()

    assert found == {"catalog": None, "vault": "UnavailableError", "jobs": "ZeroDivisionError"}


async def test_all_are_asked_at_once() -> None:
    """The second is asked although the first has not answered."""
    first, second = Part(is_silent=True), Part(is_silent=True)
    asking = asyncio.ensure_future(readiness(FakeClock(), a=first, b=second).parts())
    await first.heard.wait()
    await second.heard.wait()
    first.speak.set()
    second.speak.set()

    assert await asking == {"a": None, "b": None}


async def test_answers_are_kept_for_a_second() -> None:
    """However many ask at once."""
    clock, part = FakeClock(), Part()
    ready = readiness(clock, a=part)

    await asyncio.gather(*(ready.parts() for _ in range(20)))
    assert part.asked == 1
    clock.advance(KEPT_S)
    await ready.parts()

    assert part.asked == 2


async def test_a_silent_part_is_away_and_asked_once() -> None:
    """A question that nobody answers stays the only one; when it is answered at last, the part is back."""
    clock, silent = FakeClock(), Part(is_silent=True)
    ready = readiness(clock, timeout_s=0.01, silent=silent)
    for _ in range(5):
        assert await ready.parts() == {"silent": "no answer within 0.01 s"}
        clock.advance(KEPT_S)
    assert silent.asked == 1

    silent.speak.set()
    while (await ready.parts())["silent"] is not None:
        clock.advance(KEPT_S)

    assert silent.asked == 1
