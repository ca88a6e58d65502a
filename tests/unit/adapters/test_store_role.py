"""A source that is read as a role: which credentials sign, and what happens when they end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from tests.samples import sample_job
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3

from outcrop.adapters.store_role import RoleObjectStore
from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.errors import CredentialsExpiredError, RoleRefusedError, SourceDeniedError
from outcrop.imports.outages import through_outages
from outcrop.imports.role_session import RoleSession
from outcrop.records import SourceLocation, SourceObject
from outcrop.testing.clock import FakeClock
from outcrop.testing.roles import FakeRoles

pytestmark = pytest.mark.anyio

JOB = sample_job()
ROLE = JOB.request.role_arn
DATA = bytes(range(256)) * 64
LOCATION = SourceLocation.parse("s3://models/m/")


class World:
    """A bucket, a role, a clock, and a store that reads the one as the other."""

    def __init__(self, s3: FaultyS3) -> None:
        self.s3 = s3
        self.clock = FakeClock()
        self.roles = FakeRoles(self.clock, known={ROLE})
        opened = partial(S3ObjectStore, environment={}, stall_s=5, reader=f"The role {ROLE}")
        self.store = RoleObjectStore(RoleSession(self.roles, JOB, self.clock), opened)

    async def source(self) -> SourceObject:
        """The one object, as it is listed."""
        (found,) = [item async for item in self.store.list(LOCATION)]
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server whose own credentials are in its environment, as they are where Outcrop runs."""
    with faulty_s3(["models"]) as s3:
        s3.put("models", "m/model.safetensors", DATA)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
        made = World(s3)
        yield made
        made.store.close()


async def test_every_request_is_signed_by_the_role(world: World) -> None:
    """List, head, and ranged reads; none is by the server's own key, though that is there to be found."""
    source = await world.source()
    await world.store.pin(source)
    assert bytes(await world.store.read(source, 1, 500)) == DATA[1:500]

    assert set(world.s3.signers) == {"ASIAFAKE1"}
    assert len(world.s3.signers) >= 3


async def test_a_role_that_is_refused_reads_nothing(world: World) -> None:
    """The server's own credentials do not step in."""
    world.roles.known.clear()

    with pytest.raises(RoleRefusedError):
        await world.source()

    assert world.s3.signers == []


async def test_a_session_is_renewed_before_it_ends(world: World) -> None:
    """Requests after the renewal are signed by the new one."""
    source = await world.source()
    world.clock.advance(700)
    await world.store.read(source, 0, 5)

    assert world.s3.signers == ["ASIAFAKE1", "ASIAFAKE2"]


@pytest.mark.parametrize("operation", ["list", "pin", "read"])
async def test_a_session_that_s3_calls_expired_is_renewed(world: World, operation: str) -> None:
    """Whatever the session says of itself; the next attempt, which imports make, is signed by the new one."""
    source = await world.source()
    world.s3.ended_keys = {"ASIAFAKE1"}
    work = {
        "list": world.source,
        "pin": partial(world.store.pin, source),
        "read": partial(world.store.read, source, 0, 5),
    }[operation]

    with pytest.raises(CredentialsExpiredError):
        await work()
    await work()

    assert set(world.s3.signers[1:-1]) == {"ASIAFAKE1"}
    assert world.s3.signers[-1] == "ASIAFAKE2"


async def test_a_copy_goes_on_through_sessions_that_end(world: World) -> None:
    """As imports read: through outages, on the test's clock."""
    source = await world.source()
    for number in range(1, 6):
        world.s3.ended_keys.add(f"ASIAFAKE{number}")
        data = await through_outages(
            partial(world.store.read, source, 0, source.size_bytes), clock=world.clock, outage_s=60
        )
        assert bytes(data) == DATA


async def test_who_may_not_do_what_is_told(world: World) -> None:
    """Role, action, bucket and key."""
    source = await world.source()
    world.s3.fault_for_all = Fault.DENIED

    with pytest.raises(SourceDeniedError) as denied:
        await world.store.read(source, 0, 5)

    assert denied.value.action == "s3:GetObject"
    for said in (
        f"The role {ROLE} may not read",
        "s3://models/m/model.safetensors",
        "s3:GetObject",
        "403 AccessDenied",
    ):
        assert said in str(denied.value)


async def test_a_closed_store_reads_no_more(world: World) -> None:
    """An import that has ended has no way to its source left."""
    source = await world.source()
    world.store.close()

    with pytest.raises(RuntimeError):
        await world.store.read(source, 0, 5)
