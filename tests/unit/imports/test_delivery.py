"""Telling the ends of jobs: again and again, until it is taken or given up."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import sample_job

from outcrop.errors import NotTakenError, UnavailableError
from outcrop.imports.delivery import (
    FIRST_PAUSE_S,
    JITTER,
    LEASE_BEYOND_TIMEOUT_S,
    LONGEST_PAUSE_S,
    Deliveries,
    DeliveryRules,
    next_attempt,
    pause_s,
)
from outcrop.records import Delivery, DeliveryState, Stage
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import BEGIN, FakeClock
from outcrop.testing.deliveries import FakeReceiver

pytestmark = pytest.mark.anyio

RULES = DeliveryRules(secrets=[b"secret"], timeout_s=10, give_up_s=86400)
REFUSED = NotTakenError("status 500")


class World:
    """A job that has ended, and who tells it."""

    def __init__(self, *errors: Exception) -> None:
        self.catalog = FakeCatalog()
        self.catalog.tells_ends = True
        self.clock = FakeClock()
        self.receiver = FakeReceiver(*errors)
        self.outcomes: list[str] = []

    async def end(self, number: int = 1) -> None:
        """Lets a job end."""
        job = await self.catalog.jobs.create(sample_job(number))
        at = self.clock.now()
        await self.catalog.jobs.move(job.id, Stage.FAILED, allowed_from=frozenset(Stage), at=at, failure_message="x")

    def teller(self) -> Deliveries:
        """One process's loop."""
        return Deliveries(
            catalog=self.catalog.deliveries,
            jobs=self.catalog.jobs,
            sender=self.receiver,
            clock=self.clock,
            rules=RULES,
            chance=lambda: 0.5,
            observe=self.outcomes.append,
        )

    async def run_until(self, state: DeliveryState, count: int = 1) -> None:
        """Runs a loop until so many ends are told, or given up."""
        running = asyncio.create_task(self.teller().run())
        for _ in range(100_000):
            if [row.state for row in self.catalog.deliveries.rows.values()].count(state) >= count:
                break
            assert not running.done(), running
            await asyncio.sleep(0)
        else:
            pytest.fail(f"still waiting: {self.catalog.deliveries.rows}")
        running.cancel()
        await asyncio.wait({running})


async def test_an_end_is_told_once() -> None:
    """Signed, under the event's id; nothing is left to tell."""
    world = World()
    await world.end()

    await world.run_until(DeliveryState.DELIVERED)

    (body, headers), *more = world.receiver.taken
    assert more == []
    assert headers["webhook-id"].encode() in body
    assert headers["webhook-signature"].startswith("v1,")
    assert (await world.catalog.deliveries.waiting(), world.outcomes) == (0, ["delivered"])


async def test_what_is_not_taken_is_sent_again() -> None:
    """Under the same id, later each time, with the time of each attempt."""
    world = World(REFUSED, REFUSED, NotTakenError("no answer"))
    await world.end()

    await world.run_until(DeliveryState.DELIVERED)

    row = world.catalog.deliveries.rows[sample_job().id]
    assert (row.attempts, len(world.receiver.taken)) == (4, 1)
    assert len({headers["webhook-id"] for headers in world.receiver.attempts}) == 1
    times = [int(headers["webhook-timestamp"]) for headers in world.receiver.attempts]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= FIRST_PAUSE_S
    assert world.outcomes == ["failed", "failed", "failed", "delivered"]


async def test_it_is_given_up_at_last() -> None:
    """After the deadline, and not before; the last problem is kept for people to see."""
    world = World(*[NotTakenError(f"status {500 + number}") for number in range(99)])
    await world.end()

    await world.run_until(DeliveryState.GIVEN_UP)

    row = world.catalog.deliveries.rows[sample_job().id]
    assert row.settled_at is not None
    assert RULES.give_up_s <= (row.settled_at - row.created_at).total_seconds() <= RULES.give_up_s + 5
    assert row.problem == f"status {500 + row.attempts - 1}"
    assert world.receiver.taken == []
    assert world.outcomes[-1] == "given_up"


async def test_gone_is_gone() -> None:
    """A receiver that wants no more gets no more."""
    world = World(NotTakenError("status 410", is_final=True))
    await world.end()

    await world.run_until(DeliveryState.GIVEN_UP)

    assert len(world.receiver.attempts) == 1


async def test_one_that_is_refused_holds_up_no_other() -> None:
    """Each end has its own attempts."""
    world = World(*[REFUSED] * 3)
    for number in range(1, 8):
        await world.end(number)

    await world.run_until(DeliveryState.DELIVERED, 7)

    assert len({headers["webhook-id"] for _, headers in world.receiver.taken}) == 7


async def test_who_dies_with_an_attempt_leaves_it_to_others() -> None:
    """A claim holds as long as an attempt may take, and is then anybody's."""
    world = World()
    await world.end()
    lease = timedelta(seconds=RULES.timeout_s + LEASE_BEYOND_TIMEOUT_S)
    dead = await world.catalog.deliveries.claim(now=BEGIN, until=BEGIN + lease)

    await world.run_until(DeliveryState.DELIVERED)

    assert dead is not None
    assert world.clock.now() >= BEGIN + lease
    assert world.catalog.deliveries.rows[sample_job().id].attempts == 2
    assert not await world.catalog.deliveries.postpone(dead, due_at=BEGIN, problem="late")


async def test_a_bug_in_one_attempt_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged with its trace, and tried again when the claim is over."""
    world = World(ZeroDivisionError())
    await world.end(1)
    await world.end(2)

    await world.run_until(DeliveryState.DELIVERED, 2)

    assert len(world.receiver.taken) == 2
    assert "webhook_attempt_failed" in capsys.readouterr().out


async def test_an_outage_of_the_catalog_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, neither before the attempt nor after it."""
    world = World()
    await world.end()
    deliveries = world.catalog.deliveries
    refusals = {"claim": 3, "settle": 3}
    for name in tuple(refusals):
        real = getattr(deliveries, name)

        async def flaky(*args: object, name: str = name, real: object = real, **kwargs: object) -> object:
            if refusals[name]:
                refusals[name] -= 1
                raise UnavailableError("the catalog", "test")
            return await real(*args, **kwargs)  # type: ignore[operator]  # a method

        monkeypatch.setattr(deliveries, name, flaky)

    await world.run_until(DeliveryState.DELIVERED)

    assert (len(world.receiver.taken), refusals) == (1, {"claim": 0, "settle": 0})


@given(st.integers(1, 60), st.floats(0, 1))
def test_pauses_grow_up_to_an_hour(attempts: int, chance: float) -> None:
    """And never shrink from one attempt to the next but by the chance in them."""
    assert FIRST_PAUSE_S <= pause_s(attempts, chance) <= LONGEST_PAUSE_S * (1 + JITTER)
    assert pause_s(attempts, 0.0) <= pause_s(attempts + 1, 0.0)


@given(st.integers(1, 60), st.floats(0, 2 * RULES.give_up_s), st.one_of(st.none(), st.floats(0, 1e9)))
def test_the_next_attempt_is_never_beyond_the_deadline(attempts: int, elapsed: float, wanted: float | None) -> None:
    """However long the receiver asks to be left alone; and never in the past."""
    delivery = Delivery(job_id="j", state=DeliveryState.WAITING, created_at=BEGIN, due_at=BEGIN, attempts=attempts)
    now = BEGIN + timedelta(seconds=elapsed)
    error = NotTakenError("status 503", retry_after_s=wanted)

    found = next_attempt(delivery, error, now=now, give_up_s=RULES.give_up_s, chance=0.5)

    if elapsed >= RULES.give_up_s:
        assert found is None
    else:
        assert found is not None
        assert now <= found <= BEGIN + timedelta(seconds=RULES.give_up_s)
