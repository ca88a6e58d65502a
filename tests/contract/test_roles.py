"""What every RoleBroker does: the fake, and AWS's client with an STS that keeps to AWS's model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import boto3
import pytest
from tests.contract.sts_server import SERVER_KEY, SERVER_SECRET, Role, Sts, running_sts
from tests.samples import sample_job

from outcrop.adapters.roles_sts import SessionRules, StsRoles
from outcrop.errors import RoleRefusedError, UnavailableError
from outcrop.ports import RoleBroker
from outcrop.records import ImportJob
from outcrop.testing.clock import FakeClock
from outcrop.testing.roles import FakeRoles

pytestmark = pytest.mark.anyio

JOB = sample_job()
ROLE = JOB.request.role_arn


class Roles(Protocol):
    """A broker whose clock is the test's, and how its roles are managed."""

    clock: FakeClock

    def open(self) -> RoleBroker:
        """Opens it, with sessions of 15 minutes."""

    def remove(self, arn: str) -> None:
        """Takes a role away."""

    def fail(self) -> None:
        """Lets the next call find STS away."""


class InMemory:
    """The fake."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.roles = FakeRoles(self.clock, known={ROLE})

    def open(self) -> RoleBroker:
        """Opens it."""
        return self.roles

    def remove(self, arn: str) -> None:
        """Takes a role away."""
        self.roles.known.discard(arn)

    def fail(self) -> None:
        """Lets the next call fail."""
        self.roles.failures.append(UnavailableError("STS", "503"))


@dataclass
class OverHttp:
    """AWS's client."""

    sts: Sts
    url: str

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.sts.now = self.clock.now
        self.sts.roles[ROLE] = Role()

    def open(self) -> RoleBroker:
        """Opens it."""
        return open_sts(self.url, self.clock)

    def remove(self, arn: str) -> None:
        """Takes a role away."""
        del self.sts.roles[arn]

    def fail(self) -> None:
        """Lets the next call fail."""
        self.sts.failures.append((503, "text/html", "<html>Service Unavailable</html>"))


def open_sts(url: str, clock: FakeClock, **rules: object) -> StsRoles:
    """Opens the STS at a URL as the server does, with its own key."""
    session = boto3.Session(aws_access_key_id=SERVER_KEY, aws_secret_access_key=SERVER_SECRET, region_name="us-east-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_STS", url)
        return StsRoles(session, SessionRules(**{"duration_s": 900, **rules}), clock, attempts=1)


@pytest.fixture(params=["fake", "sts"])
def roles(request: pytest.FixtureRequest) -> Iterator[Roles]:
    """A broker that knows one role."""
    if request.param == "fake":
        yield InMemory()
        return
    with running_sts() as (sts, url):
        yield OverHttp(sts, url)


def as_role(arn: str) -> ImportJob:
    """A job with another role."""
    return replace(JOB, request=replace(JOB.request, role_arn=arn))


async def test_each_session_is_another_one(roles: Roles) -> None:
    """What one import reads with is not what another does, and ends when it says."""
    broker = roles.open()

    first, second = await broker.assume(JOB), await broker.assume(sample_job(2))

    assert first.access_key_id != second.access_key_id
    assert first.secret_access_key != second.secret_access_key
    assert first.session_token != second.session_token
    assert first.expires_at == second.expires_at == roles.clock.now() + timedelta(minutes=15)


async def test_a_role_that_there_is_not_is_refused(roles: Roles) -> None:
    """By its name."""
    with pytest.raises(RoleRefusedError, match="role/none"):
        await roles.open().assume(as_role("arn:aws:iam::000000000000:role/none"))


async def test_a_role_that_was_taken_away_is_refused(roles: Roles) -> None:
    """At the next session; the one that was given goes on to its end."""
    broker = roles.open()
    await broker.assume(JOB)
    roles.remove(ROLE)

    with pytest.raises(RoleRefusedError) as refused:
        await broker.assume(JOB)

    assert refused.value.role_arn == ROLE


async def test_an_sts_that_is_away_is_no_verdict_on_the_role(roles: Roles) -> None:
    """It may be asked again."""
    broker = roles.open()
    roles.fail()

    with pytest.raises(UnavailableError):
        await broker.assume(JOB)

    assert (await broker.assume(JOB)).expires_at > roles.clock.now()


async def test_no_secret_is_shown(roles: Roles) -> None:
    """Neither by repr, which is what logs and traces print."""
    made = await roles.open().assume(JOB)

    shown = repr(made)
    assert not any(text in shown for text in (made.access_key_id, made.secret_access_key, made.session_token))
