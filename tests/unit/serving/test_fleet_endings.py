"""How copies end: engines that die, models that are drained, fleets that close; and what is logged of it."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from outcrop.errors import EngineError, ModelNotReadyError, NotFoundError, UnavailableError
from outcrop.records import ServableModel
from outcrop.serving.copy_state import CopyState
from outcrop.serving.fleet import Fleet
from outcrop.testing.held_request import HeldRequest
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock, settle

pytestmark = pytest.mark.anyio

Models = list[ServableModel]


# --- engines that die ---


async def test_an_engine_that_died_is_replaced_at_the_next_request(
    fleet: Fleet, host: NullHost, models: Models
) -> None:
    """A crash between requests costs the next one a load, and nothing else."""
    await HeldRequest.once(fleet, models[0])
    first = host.engines[models[0].arn]
    first.kill()

    await HeldRequest.once(fleet, models[0])

    assert host.engines[models[0].arn] is not first
    assert len(host.started) == 2


async def test_an_engine_that_dies_in_use_is_replaced_while_its_users_learn_of_it(
    fleet: Fleet, host: NullHost, models: Models
) -> None:
    """Requests on the dead engine fail by themselves; a new request does not wait for them."""
    held = await HeldRequest.begin(fleet, models[0])
    first = host.engines[models[0].arn]
    first.kill()

    await HeldRequest.once(fleet, models[0])
    with pytest.raises(EngineError):
        await first.post("/v1/completions", {"prompt": "x"})

    assert host.engines[models[0].arn].is_alive
    await held.end()
    assert fleet.state_of(models[0].arn) is CopyState.READY


# --- draining and closing ---


async def test_draining_waits_for_requests_and_stops_the_copy(fleet: Fleet, host: NullHost, models: Models) -> None:
    """What was asked before the drain is served; what is asked during it gets a new copy."""
    held = await HeldRequest.begin(fleet, models[0])
    first = host.engines[models[0].arn]
    draining = asyncio.create_task(fleet.drain(models[0].arn))
    late = await HeldRequest.begin(fleet, models[0])
    assert first.is_alive
    assert late.engine is None

    await held.end()
    await draining

    assert not first.is_alive
    assert late.engine is host.engines[models[0].arn]
    await late.end()


async def test_who_waits_for_a_drain_is_not_held_longer_than_others(
    fleet: Fleet, clock: TurnedClock, models: Models
) -> None:
    """A request that comes during a drain that does not end gets ModelNotReadyException."""
    held = await HeldRequest.begin(fleet, models[0])
    draining = asyncio.create_task(fleet.drain(models[0].arn))
    late = await HeldRequest.begin(fleet, models[0])

    await clock.turn(45)
    with pytest.raises(ModelNotReadyError):
        await late.task

    await held.end()
    await draining


async def test_draining_a_cold_model_does_nothing(fleet: Fleet, host: NullHost, models: Models) -> None:
    """There is no copy to end."""
    await fleet.drain(models[0].arn)

    assert host.started == []


async def test_draining_a_load_that_is_awaited_serves_who_waits(fleet: Fleet, host: NullHost, models: Models) -> None:
    """The requests came first."""
    host.hold_up()
    request = await HeldRequest.begin(fleet, models[0])
    draining = asyncio.create_task(fleet.drain(models[0].arn))
    await settle()

    host.let_go()
    await settle()
    assert request.engine is host.engines[models[0].arn]
    await request.end()
    await draining

    assert not host.engines[models[0].arn].is_alive


async def test_draining_a_load_that_nobody_awaits_cancels_it(fleet: Fleet, host: NullHost, models: Models) -> None:
    """A model that is deleted while it loads does not keep its deletion waiting."""
    host.hold_up()
    request = await HeldRequest.begin(fleet, models[0], hold_s=0)
    with pytest.raises(ModelNotReadyError):
        await request.task

    await fleet.drain(models[0].arn)

    assert host.cancelled == [models[0].arn]
    assert fleet.state_of(models[0].arn) is None


async def test_a_retired_model_gets_no_copy_any_more(fleet: Fleet, host: NullHost, models: Models) -> None:
    """Whoever read its record before it was deleted does not load it afterwards; others are not concerned."""
    await HeldRequest.once(fleet, models[0])

    await fleet.retire(models[0].arn)

    assert not host.engines[models[0].arn].is_alive
    with pytest.raises(NotFoundError):
        await HeldRequest.once(fleet, models[0])
    await HeldRequest.once(fleet, models[1])
    assert len(host.started) == 2


async def test_who_waits_for_the_drain_of_a_retired_model_is_told(fleet: Fleet, models: Models) -> None:
    """What was asked before is served; what came during it is not found."""
    held = await HeldRequest.begin(fleet, models[0])
    retiring = asyncio.create_task(fleet.retire(models[0].arn))
    await settle()
    late = await HeldRequest.begin(fleet, models[0])

    await held.end()
    await retiring

    with pytest.raises(NotFoundError):
        await late.task


async def test_closing_ends_every_copy(fleet: Fleet, host: NullHost, models: Models) -> None:
    """Copies in use, idle, draining and loading are gone when close returns."""
    a, b, *_ = models
    held = await HeldRequest.begin(fleet, a)
    draining = asyncio.create_task(fleet.drain(a.arn))
    host.hold_up()
    waiting = await HeldRequest.begin(fleet, b)

    await fleet.close()

    with pytest.raises(UnavailableError):
        await waiting.task
    assert host.cancelled == [b.arn]
    assert not host.engines[a.arn].is_alive
    await draining
    await held.end()


async def test_a_closed_fleet_takes_no_requests(fleet: Fleet, models: Models) -> None:
    """A server that stops says so."""
    await fleet.close()

    with pytest.raises(UnavailableError, match="this server is stopping"):
        await (await HeldRequest.begin(fleet, models[0])).task


async def test_closing_wakes_who_waits_for_room(fleet: Fleet, models: Models) -> None:
    """Nobody is left waiting for a fleet that is gone."""
    a, b, c, _ = models
    held = [await HeldRequest.begin(fleet, a), await HeldRequest.begin(fleet, b)]
    waiting = await HeldRequest.begin(fleet, c)

    await fleet.close()

    with pytest.raises(UnavailableError):
        await waiting.task
    for request in held:
        await request.end()


# --- events ---


async def test_a_copy_s_life_is_logged(fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models) -> None:
    """Loading, ready with its seconds, stopped with the reason: events, with the model's ARN."""
    with capture_logs() as events:
        host.hold_up()
        request = await HeldRequest.begin(fleet, models[0])
        await clock.turn(12)
        host.let_go()
        await request.end()
        await clock.turn(300)

    arn = {"log_level": "info", "model_arn": models[0].arn}
    assert events == [
        {"event": "copy_loading", **arn},
        {"event": "copy_ready", "seconds": 12.0, **arn},
        {"event": "copy_stopped", "reason": "idle", **arn},
    ]


async def test_a_failed_load_is_logged(fleet: Fleet, host: NullHost, models: Models) -> None:
    """The operator sees which kind of error ended a load, also when no request waits any more."""
    host.failure = EngineError("it broke")
    with capture_logs() as events, pytest.raises(EngineError):
        await HeldRequest.once(fleet, models[0])

    assert events[-1]["event"] == "copy_failed"
    assert events[-1]["error"] == "EngineError"
