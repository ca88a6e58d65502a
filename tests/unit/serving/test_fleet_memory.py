"""How much memory copies may take together, and what makes room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from outcrop.errors import MIB, NotEnoughMemoryError, ThrottledError
from outcrop.ports import RunningEngine
from outcrop.records import ServableModel
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.testing.held_request import HeldRequest
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock, settle

pytestmark = pytest.mark.anyio

Models = list[ServableModel]


def sized(models: Models, *sizes_mib: int) -> Models:
    """The models, with what a copy of each takes."""
    return [replace(model, memory_bytes=size * MIB) for model, size in zip(models, sizes_mib, strict=False)]


@pytest.fixture
async def small(host: NullHost, clock: TurnedClock) -> AsyncIterator[Fleet]:
    """A fleet with 10 MiB for copies."""
    made = Fleet(host, clock, FleetLimits(max_copies=9, memory_bytes=10 * MIB))
    yield made
    await made.close()


def loaded(fleet: Fleet, models: Models) -> list[str]:
    """The letters of the models that are loaded."""
    return [model.arn[-1] for model in models if fleet.state_of(model.arn) is not None]


async def test_copies_are_held_side_by_side_as_long_as_they_fit(small: Fleet, models: Models) -> None:
    """The next one makes the one go that was used longest ago; one that takes more, several."""
    a, b, c, d = given = sized(models, 4, 4, 2, 9)
    for model in (a, b, c):
        await HeldRequest.once(small, model)
    assert loaded(small, given) == ["a", "b", "c"]

    await HeldRequest.once(small, a)
    await HeldRequest.once(small, d)

    assert loaded(small, given) == ["d"]


async def test_only_as_much_is_evicted_as_is_needed(small: Fleet, clock: TurnedClock, models: Models) -> None:
    """What still fits stays."""
    a, b, c, _ = given = sized(models, 4, 4, 5, 0)
    for model in (a, b):
        await HeldRequest.once(small, model)
        await clock.turn(1)

    await HeldRequest.once(small, c)

    assert loaded(small, given) == ["b", "c"]


async def test_memory_in_use_is_told_in_numbers(small: Fleet, clock: TurnedClock, models: Models) -> None:
    """ThrottlingException, once the hold time is over; a copy in use is never evicted."""
    a, b, *_ = sized(models, 8, 4)
    held = await HeldRequest.begin(small, a)
    waiting = await HeldRequest.begin(small, b)

    await clock.turn(45)
    with pytest.raises(ThrottledError, match="Of the 10 MiB of memory for models, 8 MiB are in use"):
        await waiting.task
    await held.end()


async def test_a_model_alone_may_always_try(small: Fleet, models: Models) -> None:
    """What a model takes is an estimate, and so may the limit be."""
    (large, *_) = sized(models, 99)

    await HeldRequest.once(small, large)

    assert small.state_of(large.arn) is not None


class ShortHost(NullHost):
    """A host whose memory is short until copies have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.room = 2

    async def start(self, model: ServableModel) -> RunningEngine:  # type: ignore[override]  # what it starts is the same
        """Starts an engine, if there is memory for it."""
        if sum(engine.is_alive for engine in self.engines.values()) >= self.room:
            raise NotEnoughMemoryError(needed_bytes=5 * MIB, available_bytes=2 * MIB)
        return await super().start(model)


async def test_where_memory_is_short_idle_copies_make_room(clock: TurnedClock, models: Models) -> None:
    """Also when the estimates said that there was enough: others use the machine too."""
    host = ShortHost()
    fleet = Fleet(host, clock, FleetLimits(max_copies=9))
    for model in models[:2]:
        await HeldRequest.once(fleet, model)
        await clock.turn(1)

    await HeldRequest.once(fleet, models[2])
    await settle()

    assert loaded(fleet, models) == ["b", "c"]
    await fleet.close()


async def test_where_nothing_can_make_room_the_load_fails_with_the_numbers(clock: TurnedClock, models: Models) -> None:
    """The copies in use stay."""
    host = ShortHost()
    fleet = Fleet(host, clock, FleetLimits(max_copies=9))
    held = [await HeldRequest.begin(fleet, model) for model in models[:2]]
    await settle()

    with pytest.raises(NotEnoughMemoryError, match="takes 5 MiB of memory, and 2 MiB are available"):
        await HeldRequest.once(fleet, models[2])

    assert loaded(fleet, models) == ["a", "b"]
    for request in held:
        await request.end()
    await fleet.close()
