"""Which copy holds which model: loading, sharing, holding requests, and making room."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.errors import ModelNotReadyError, StorageError, ThrottledError
from outcrop.records import ServableModel
from outcrop.serving.copy_state import CopyState
from outcrop.serving.fleet import UNKNOWN_LOAD_S, Fleet, FleetLimits
from outcrop.testing.held_request import HeldRequest
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock, settle

pytestmark = pytest.mark.anyio

Models = list[ServableModel]


# --- loading ---


async def test_one_load_serves_all_who_wait(fleet: Fleet, host: NullHost, models: Models) -> None:
    """However many requests ask for a cold model, it is loaded once, and they share the copy."""
    host.hold_up()
    requests = [await HeldRequest.begin(fleet, models[0]) for _ in range(4)]
    assert fleet.state_of(models[0].arn) is CopyState.LOADING

    host.let_go()
    await settle()

    assert host.started == [models[0].arn]
    assert {request.engine for request in requests} == {host.engines[models[0].arn]}
    assert fleet.state_of(models[0].arn) is CopyState.READY
    for request in requests:
        await request.end()


async def test_a_request_is_held_for_so_long_only(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """After the hold time a request gets AWS's ModelNotReadyException; the load goes on, for the next one."""
    host.hold_up()
    request = await HeldRequest.begin(fleet, models[0])

    await clock.turn(44.9)
    assert not request.task.done()
    await clock.turn(0.1)
    with pytest.raises(ModelNotReadyError) as caught:
        await request.task
    host.let_go()
    await HeldRequest.once(fleet, models[0])

    assert caught.value.message == "Model is not ready for inference. Wait and try your request again."
    assert host.started == [models[0].arn]


async def test_a_request_may_bring_its_own_hold_time(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """An import that proves its model waits as long as a load may take."""
    host.hold_up()
    impatient, patient = (
        await HeldRequest.begin(fleet, models[0], hold_s=0),
        await HeldRequest.begin(fleet, models[0], hold_s=600),
    )

    with pytest.raises(ModelNotReadyError):
        await impatient.task
    await clock.turn(599)
    host.let_go()
    await patient.end()


async def test_when_to_retry_is_estimated_from_the_load_before(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """A first load is expected to take what is usual, a later one what the model's last one took, never under 1 s."""
    host.hold_up()
    first = await HeldRequest.begin(fleet, models[0], hold_s=10)
    await clock.turn(10)
    with pytest.raises(ModelNotReadyError) as unknown:
        await first.task
    await clock.turn(90)
    host.let_go()
    await clock.turn(300)
    host.hold_up()
    second = await HeldRequest.begin(fleet, models[0], hold_s=40)
    await clock.turn(40)
    with pytest.raises(ModelNotReadyError) as known:
        await second.task
    third = await HeldRequest.begin(fleet, models[0], hold_s=100)
    await clock.turn(100)
    with pytest.raises(ModelNotReadyError) as overdue:
        await third.task

    assert unknown.value.retry_after_s == UNKNOWN_LOAD_S - 10
    assert known.value.retry_after_s == 100 - 40
    assert overdue.value.retry_after_s == 1


async def test_a_load_that_fails_fails_all_who_wait_and_the_next_begins_anew(
    fleet: Fleet, host: NullHost, models: Models
) -> None:
    """The cause reaches every request that waited; the model is cold again."""
    host.hold_up()
    host.failure = StorageError("no memory")
    requests = [await HeldRequest.begin(fleet, models[0]) for _ in range(2)]
    host.let_go()
    for request in requests:
        with pytest.raises(StorageError, match="no memory"):
            await request.task
    assert fleet.state_of(models[0].arn) is None

    host.failure = None
    await HeldRequest.once(fleet, models[0])

    assert len(host.started) == 2


async def test_a_client_that_goes_away_does_not_stop_the_load(fleet: Fleet, host: NullHost, models: Models) -> None:
    """Its retry, or another client, finds the load further on."""
    host.hold_up()
    request = await HeldRequest.begin(fleet, models[0])

    request.task.cancel()
    await settle()
    host.let_go()
    await HeldRequest.once(fleet, models[0])

    assert host.started == [models[0].arn]
    assert host.cancelled == []


async def test_only_so_many_requests_wait(fleet: Fleet, host: NullHost, models: Models) -> None:
    """One more than the limit is throttled at once, instead of filling the memory."""
    host.hold_up()
    waiting = [await HeldRequest.begin(fleet, models[0]) for _ in range(5)]

    with pytest.raises(ThrottledError, match="Too many requests are waiting"):
        await (await HeldRequest.begin(fleet, models[0])).task

    host.let_go()
    for request in waiting:
        await request.end()


# --- idle copies ---


async def test_an_idle_copy_ends(fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models) -> None:
    """A copy without requests for the idle time is stopped."""
    await HeldRequest.once(fleet, models[0])

    await clock.turn(299)
    assert host.engines[models[0].arn].is_alive
    await clock.turn(1)

    assert not host.engines[models[0].arn].is_alive
    assert fleet.state_of(models[0].arn) is None


async def test_each_use_begins_the_idle_time_anew(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """The idle time counts from the end of the last request."""
    await HeldRequest.once(fleet, models[0])
    await clock.turn(200)
    request = await HeldRequest.begin(fleet, models[0])
    await clock.turn(1000)
    assert host.engines[models[0].arn].is_alive
    await request.end()

    await clock.turn(299)
    assert host.engines[models[0].arn].is_alive
    await clock.turn(1)

    assert not host.engines[models[0].arn].is_alive


async def test_a_copy_that_is_kept_warm_stays(fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models) -> None:
    """However long nobody asks for it; one that died is replaced at the next request."""
    kept = replace(models[0], is_kept_warm=True)
    await fleet.warm(kept, hold_s=1)

    for _ in range(5):
        await clock.turn(300)
    assert host.engines[kept.arn].is_alive

    host.engines[kept.arn].kill()
    await HeldRequest.once(fleet, kept)
    assert len(host.started) == 2


# --- room ---


async def test_a_copy_that_is_kept_warm_makes_room_last(fleet: Fleet, host: NullHost, models: Models) -> None:
    """The other idle copy goes, though it was used later; where there is no other, the kept one goes."""
    a, b, c, d = (replace(model, is_kept_warm=place in (0, 2)) for place, model in enumerate(models))
    for model in (a, b, c):
        await HeldRequest.once(fleet, model)
    assert [host.engines[model.arn].is_alive for model in (a, b, c)] == [True, False, True]

    await HeldRequest.once(fleet, d)

    assert [host.engines[model.arn].is_alive for model in (a, c, d)] == [False, True, True]


async def test_one_copy_takes_so_many_requests_only(host: NullHost, clock: TurnedClock, models: Models) -> None:
    """One more is throttled at once, and served when another has ended."""
    fleet = Fleet(host, clock, FleetLimits(max_requests=2))
    held = [await HeldRequest.begin(fleet, models[0]) for _ in range(2)]

    with pytest.raises(ThrottledError, match="too many requests at once"):
        await HeldRequest.once(fleet, models[0])
    await held[0].end()
    await HeldRequest.once(fleet, models[0])

    await held[1].end()
    await fleet.close()


async def test_the_idle_copy_used_longest_ago_makes_room(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """When all places are taken, least recently used goes first."""
    a, b, c, _ = models
    for model in (a, b, a):
        await HeldRequest.once(fleet, model)
        await clock.turn(1)

    await HeldRequest.once(fleet, c)

    assert [host.engines[model.arn].is_alive for model in (a, b, c)] == [True, False, True]


async def test_a_copy_in_use_is_never_evicted(fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models) -> None:
    """A request for another model waits for room within its hold time, and is then throttled."""
    a, b, c, _ = models
    held = [await HeldRequest.begin(fleet, a), await HeldRequest.begin(fleet, b)]
    waiting = await HeldRequest.begin(fleet, c)

    await clock.turn(45)
    with pytest.raises(ThrottledError, match="All 2 model copies are in use"):
        await waiting.task

    assert all(host.engines[model.arn].is_alive for model in (a, b))
    for request in held:
        await request.end()


async def test_room_is_taken_as_soon_as_a_copy_is_given_back(
    fleet: Fleet, host: NullHost, clock: TurnedClock, models: Models
) -> None:
    """Who waits for room gets that of the first copy that becomes idle."""
    a, b, c, _ = models
    held = [await HeldRequest.begin(fleet, a), await HeldRequest.begin(fleet, b)]
    waiting = await HeldRequest.begin(fleet, c)
    await clock.turn(10)

    await held[1].end()

    assert waiting.engine is host.engines[c.arn]
    assert [host.engines[model.arn].is_alive for model in (a, b)] == [True, False]
    await waiting.end()
    await held[0].end()


async def test_as_many_copies_are_evicted_as_models_want_room(fleet: Fleet, host: NullHost, models: Models) -> None:
    """Two models that wait for room need two places, however many requests ask for each."""
    a, b, c, d = models
    await HeldRequest.once(fleet, a)
    await HeldRequest.once(fleet, b)

    requests = [HeldRequest(fleet, model) for model in (c, c, d)]
    await settle()

    assert [host.engines[model.arn].is_alive for model in models] == [False, False, True, True]
    for request in requests:
        await request.end()


async def test_one_model_that_wants_room_evicts_one_copy(fleet: Fleet, host: NullHost, models: Models) -> None:
    """Several requests for one model do not empty the fleet."""
    a, b, c, _ = models
    await HeldRequest.once(fleet, a)
    await HeldRequest.once(fleet, b)

    requests = [HeldRequest(fleet, c) for _ in range(3)]
    await settle()

    assert [host.engines[model.arn].is_alive for model in (a, b, c)] == [False, True, True]
    for request in requests:
        await request.end()
