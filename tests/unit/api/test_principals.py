"""Who is known, and for how long what is known counts."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from outcrop.api.principals import Principals
from outcrop.errors import UnavailableError
from outcrop.records import AccessKey, ApiKey, Principal, User
from outcrop.testing.clock import BEGIN, FakeClock
from outcrop.testing.users import FakeUserCatalog

pytestmark = pytest.mark.anyio

ROOT = Principal(
    arn="arn:aws:iam::000000000000:root", account="000000000000", access_key_id="AKIAROOT", secret_access_key="r"
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "bedrock:Get*", "Resource": "*"}}
)
ANA = User(
    account="111111111111",
    name="ana",
    created_at=BEGIN,
    policy=POLICY,
    access_keys=(AccessKey(id="AKIAANA", secret="s", created_at=BEGIN),),
    api_keys=(
        ApiKey(id="for-ever", sha256=hashlib.sha256(b"ABSKforever").hexdigest(), created_at=BEGIN),
        ApiKey(
            id="for-a-day",
            sha256=hashlib.sha256(b"ABSKday").hexdigest(),
            created_at=BEGIN,
            expires_at=BEGIN + timedelta(days=1),
        ),
    ),
)


class CountingCatalog(FakeUserCatalog):
    """Counts how often it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.read = 0

    async def version(self) -> int:
        """Counts."""
        self.asked += 1
        return await super().version()

    async def all(self) -> list[User]:  # type: ignore[override]
        """Counts."""
        self.read += 1
        return list(await super().all())


async def test_users_are_known_by_every_key() -> None:
    """As principals of their own account, with their own policies; the root principal needs no catalog."""
    users = FakeUserCatalog()
    await users.create(ANA)
    principals = Principals(users, FakeClock(), root=ROOT)
    assert principals.find("AKIAROOT") == ROOT

    await principals.refresh()

    found = principals.find("AKIAANA")
    assert found is not None
    assert (found.arn, found.account, found.secret_access_key) == (ANA.arn, "111111111111", "s")
    api_holder = principals.find_api_key("ABSKforever")
    assert api_holder is not None
    assert (api_holder.arn, api_holder.access_key_id) == (ANA.arn, "for-ever")
    assert principals.find("AKIAROOT") == ROOT
    assert principals.find("AKIAEVE") is None
    assert principals.find_api_key("ABSKother") is None
    policies = principals.policies_of(ANA.arn)
    assert policies is not None
    assert len(policies) == 1


async def test_the_root_principal_has_no_policies_and_strangers_have_none_that_allow() -> None:
    """None is everything; an empty tuple is nothing."""
    principals = Principals(FakeUserCatalog(), FakeClock(), root=ROOT)

    assert principals.policies_of(ROOT.arn) is None
    assert principals.policies_of(ANA.arn) == ()


async def test_an_api_key_ends_when_it_says() -> None:
    """To the second."""
    clock = FakeClock()
    users = FakeUserCatalog()
    await users.create(ANA)
    principals = Principals(users, clock, root=ROOT)
    await principals.refresh()
    assert principals.find_api_key("ABSKday") is not None

    clock.advance(24 * 3600)

    assert principals.find_api_key("ABSKday") is None
    assert principals.find_api_key("ABSKforever") is not None


async def test_the_catalog_is_asked_once_a_second_and_read_when_it_changed() -> None:
    """However many requests come."""
    clock, users = FakeClock(), CountingCatalog()
    principals = Principals(users, clock, root=ROOT)

    for _ in range(100):
        await principals.refresh()
    assert (users.asked, users.read) == (1, 1)
    clock.advance(1)
    await principals.refresh()
    assert (users.asked, users.read) == (2, 1)

    await users.create(ANA)
    clock.advance(1)
    assert await principals.refresh()
    assert (users.asked, users.read) == (3, 2)


async def test_what_was_taken_away_works_no_longer_than_a_second() -> None:
    """A deleted user's key, and a policy."""
    clock, users = FakeClock(), FakeUserCatalog()
    await users.create(ANA)
    principals = Principals(users, clock, root=ROOT)
    await principals.refresh()

    await users.delete(ANA.account, "ana")
    clock.advance(1)
    await principals.refresh()

    assert principals.find("AKIAANA") is None
    assert principals.find_api_key("ABSKforever") is None
    assert principals.policies_of(ANA.arn) == ()


async def test_after_an_outage_the_catalog_is_asked_again_at_once() -> None:
    """An answer that failed is none."""

    class Away(CountingCatalog):
        async def version(self) -> int:
            if self.asked == 0:
                self.asked += 1
                raise UnavailableError("the catalog", "test")
            return await super().version()

    users = Away()
    await users.create(ANA)
    principals = Principals(users, FakeClock(), root=ROOT)
    with pytest.raises(UnavailableError):
        await principals.refresh()

    await principals.refresh()

    assert principals.find("AKIAANA") is not None


async def test_a_policy_that_is_not_understood_allows_nothing() -> None:
    """A newer version may have written it; the log names the user and no secret."""
    users = FakeUserCatalog()
    await users.create(replace(ANA, policy='{"Version": "2030-01-01"}'))
    principals = Principals(users, FakeClock(), root=ROOT)

    with capture_logs() as logs:
        await principals.refresh()

    assert principals.policies_of(ANA.arn) == ()
    assert [entry["user"] for entry in logs] == [ANA.arn]
