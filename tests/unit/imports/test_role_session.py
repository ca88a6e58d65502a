"""The session of an import's role, on a clock that tests turn: 15 minutes cost nothing."""

import asyncio

import pytest
from tests.samples import sample_job

from outcrop.errors import RoleRefusedError, UnavailableError
from outcrop.imports.role_session import RoleSession
from outcrop.testing.clock import FakeClock
from outcrop.testing.roles import FakeRoles

pytestmark = pytest.mark.anyio

JOB = sample_job()


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still until it is turned."""
    return FakeClock()


@pytest.fixture
def roles(clock: FakeClock) -> FakeRoles:
    """One role, in sessions of 15 minutes."""
    return FakeRoles(clock, known={JOB.request.role_arn})


@pytest.fixture
def session(roles: FakeRoles, clock: FakeClock) -> RoleSession:
    """The session of a job that has read nothing yet."""
    return RoleSession(roles, JOB, clock)


async def test_a_role_is_assumed_when_it_is_needed(session: RoleSession, roles: FakeRoles) -> None:
    """Not before the first request, and once for as many as there are."""
    assert session.credentials is None
    assert roles.assumed == []

    made = await asyncio.gather(*(session.ready() for _ in range(50)))

    assert roles.assumed == [JOB.arn]
    assert set(map(id, made)) == {id(session.credentials)}


async def test_a_copy_of_four_hours_reads_with_credentials_that_hold(
    session: RoleSession, roles: FakeRoles, clock: FakeClock
) -> None:
    """Every minute of it, each request has minutes left; and STS is asked a few times an hour."""
    left = []
    for _ in range(240):
        left.append(((await session.ready()).expires_at - clock.now()).total_seconds())
        clock.advance(60)

    assert min(left) > 240
    assert len(roles.assumed) == 24


async def test_a_longer_session_is_renewed_five_minutes_before_its_end(
    session: RoleSession, roles: FakeRoles, clock: FakeClock
) -> None:
    """An hour's session is not asked for three times an hour."""
    roles.duration_s = 3600
    await session.ready()
    clock.advance(3299)
    await session.ready()
    assert len(roles.assumed) == 1

    clock.advance(1)
    await session.ready()

    assert len(roles.assumed) == 2


async def test_what_was_refused_as_expired_is_renewed(session: RoleSession, roles: FakeRoles) -> None:
    """Whatever the session says of its end; and once, though many requests were refused together."""
    used = await session.ready()
    session.expired(used)
    fresh = await session.ready()
    session.expired(used)

    assert await session.ready() is fresh
    assert len(roles.assumed) == 2


async def test_a_role_that_was_deleted_reads_on_until_it_is_renewed(
    session: RoleSession, roles: FakeRoles, clock: FakeClock
) -> None:
    """Then the import fails, naming it."""
    await session.ready()
    roles.known.clear()
    clock.advance(599)
    await session.ready()

    clock.advance(1)

    with pytest.raises(RoleRefusedError, match="role/import cannot be assumed"):
        await session.ready()


async def test_an_sts_that_is_away_matters_only_once_the_session_has_ended(
    session: RoleSession, roles: FakeRoles, clock: FakeClock
) -> None:
    """Until then requests go on with the old credentials, and STS is not asked by each of them."""
    first = await session.ready()
    clock.advance(600)
    roles.failures = [UnavailableError("STS", "503")] * 100

    for _ in range(290):
        assert await session.ready() is first
        clock.advance(1)
    asked = 100 - len(roles.failures)
    clock.advance(10)

    with pytest.raises(UnavailableError):
        await session.ready()
    assert asked == 20
    roles.failures.clear()
    assert (await session.ready()).expires_at > clock.now()


async def test_credentials_that_were_refused_are_not_used_again(session: RoleSession, roles: FakeRoles) -> None:
    """Also while STS is away."""
    session.expired(await session.ready())
    roles.failures = [UnavailableError("STS", "503")]

    with pytest.raises(UnavailableError):
        await session.ready()

    assert session.credentials is None
