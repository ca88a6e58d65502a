"""What every KeyService does: the fake, the local keyring, and KMS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import boto3
import pytest
from tests.contract.kms_server import Kms, running_kms

from outcrop.adapters.keys_kms import KmsKeys
from outcrop.adapters.keys_local import LocalKeyring
from outcrop.adapters.keys_logged import LoggedKeys
from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError
from outcrop.key_ids import full_arn
from outcrop.ports import KeyService
from outcrop.testing.clock import FakeClock
from outcrop.testing.keys import FakeKeyService

pytestmark = pytest.mark.anyio

TENANT = Tenant(account="000000000000", region="us-east-1")
OTHERS = [Tenant(account="111111111111", region="us-east-1"), Tenant(account="000000000000", region="eu-central-1")]
CONTEXT = {"outcrop:model-arn": "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"}
UNKNOWN = "11111111-2222-3333-4444-555555555555"


class Keys(Protocol):
    """A key service, and how its keys are managed."""

    def open(self) -> KeyService:
        """Opens the same keys, as a new process would."""

    def make_key(self) -> str:
        """Makes a key of the tenant."""

    def alias(self, name: str, arn: str) -> None:
        """Gives a key a name."""

    def enable(self, arn: str, *, is_enabled: bool) -> None:
        """Lets a key be used, or not."""

    def rotate(self, arn: str) -> None:
        """Gives a key new material."""


class FakeKeys:
    """The fake."""

    def __init__(self) -> None:
        self.service = FakeKeyService()

    def open(self) -> KeyService:
        """Opens them."""
        return self.service

    def make_key(self) -> str:
        """Makes one."""
        return self.service.make_key(TENANT)

    def alias(self, name: str, arn: str) -> None:
        """Names one."""
        self.service.aliases[full_arn(name, TENANT)] = arn

    def enable(self, arn: str, *, is_enabled: bool) -> None:
        """Enables or disables one."""
        (self.service.disabled.discard if is_enabled else self.service.disabled.add)(arn)

    def rotate(self, arn: str) -> None:
        """Its masks need no material."""


class LocalKeys:
    """The local keyring, managed by another process than the one that uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manager = self.keyring()

    def keyring(self) -> LocalKeyring:
        """The keyring, as another process opens it."""
        return LocalKeyring(self.path, account=TENANT.account, region=TENANT.region, clock=FakeClock())

    def open(self) -> KeyService:
        """Opens them."""
        return LoggedKeys(self.keyring(), trail=None, clock=FakeClock())

    def make_key(self) -> str:
        """Makes one."""
        return self.manager.create()

    def alias(self, name: str, arn: str) -> None:
        """Names one."""
        self.manager.alias(name, arn)

    def enable(self, arn: str, *, is_enabled: bool) -> None:
        """Enables or disables one."""
        self.manager.enable(arn, is_enabled=is_enabled)

    def rotate(self, arn: str) -> None:
        """Rotates one."""
        self.manager.rotate(arn)


class KmsServerKeys:
    """AWS's client, and a server that keeps to AWS's model."""

    def __init__(self, kms: Kms, url: str) -> None:
        self.kms = kms
        self.url = url
        self.service_key = kms.make_key(account="222222222222")

    def open(self) -> KeyService:
        """Opens them."""
        session = boto3.Session(aws_access_key_id="AKIA", aws_secret_access_key="secret")
        client = session.client
        session.client = lambda *names, **options: client(*names, **{**options, "endpoint_url": self.url})
        return KmsKeys(session, service_key=self.service_key, own=TENANT)

    def make_key(self) -> str:
        """Makes one."""
        return self.kms.make_key()

    def alias(self, name: str, arn: str) -> None:
        """Names one."""
        self.kms.alias(name, arn)

    def enable(self, arn: str, *, is_enabled: bool) -> None:
        """Enables or disables one."""
        self.kms.keys[arn].state = "Enabled" if is_enabled else "Disabled"

    def rotate(self, arn: str) -> None:
        """KMS's own business: what it wrapped before goes on to open."""


@pytest.fixture(params=["fake", "local", "kms"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keys]:
    """A key service with nothing but the service's own key."""
    if request.param == "fake":
        yield FakeKeys()
    elif request.param == "local":
        yield LocalKeys(tmp_path / "keys" / "keyring.json")
    else:
        with running_kms() as (kms, url):
            yield KmsServerKeys(kms, url)


async def test_a_wrapped_key_unwraps_later(keys: Keys) -> None:
    """What one process wrapped, another unwraps."""
    arn = await keys.open().resolve(None, TENANT)
    made = await keys.open().generate_data_key(arn, CONTEXT)

    assert await keys.open().unwrap(arn, made.wrapped, CONTEXT) == made.plaintext
    assert len(made.plaintext) == 32


async def test_each_data_key_is_new(keys: Keys) -> None:
    """Two artifacts never share a key."""
    service = keys.open()
    arn = await service.resolve(None, TENANT)

    made = [(await service.generate_data_key(arn, CONTEXT)).plaintext for _ in range(3)]

    assert len(set(made)) == 3


async def test_the_context_binds(keys: Keys) -> None:
    """A key that was wrapped for one model does not open in the name of another."""
    service = keys.open()
    arn = await service.resolve(None, TENANT)
    made = await service.generate_data_key(arn, CONTEXT)

    with pytest.raises(KeyUnavailableError):
        await service.unwrap(arn, made.wrapped, {"outcrop:model-arn": "another"})


async def test_the_key_binds(keys: Keys) -> None:
    """What one key wrapped does not open under another."""
    service = keys.open()
    made = await service.generate_data_key(keys.make_key(), CONTEXT)

    with pytest.raises(KeyUnavailableError):
        await service.unwrap(keys.make_key(), made.wrapped, CONTEXT)


@pytest.mark.parametrize("wrapped", [b"", b"x", b"\0" * 60, b"\0" * 64, b"\xff" * 64, b"x" * 200])
async def test_nonsense_does_not_unwrap(keys: Keys, wrapped: bytes) -> None:
    """Whatever a damaged catalog hands in."""
    service = keys.open()

    with pytest.raises(KeyUnavailableError):
        await service.unwrap(await service.resolve(None, TENANT), wrapped, CONTEXT)


async def test_a_key_is_known_by_arn_id_and_alias(keys: Keys) -> None:
    """All four forms name the same key (SPEC 2.0.10), and the answer is always its ARN."""
    arn = keys.make_key()
    keys.alias("alias/team/rocks", arn)

    for key_id in (arn, arn.rpartition("/")[2], "alias/team/rocks", full_arn("alias/team/rocks", TENANT)):
        assert await keys.open().resolve(key_id, TENANT) == arn


@pytest.mark.parametrize("key_id", [UNKNOWN, "alias/none", full_arn(UNKNOWN, TENANT), full_arn("alias/none", TENANT)])
async def test_an_unknown_key_does_not_resolve(keys: Keys, key_id: str) -> None:
    """In any form."""
    with pytest.raises(KeyUnavailableError):
        await keys.open().resolve(key_id, TENANT)


@pytest.mark.parametrize("other", OTHERS)
async def test_nobody_names_the_key_of_another_account_or_region(keys: Keys, other: Tenant) -> None:
    """Neither by ARN nor by alias; what the server may use is more than what its callers may."""
    arn = keys.make_key()
    keys.alias("alias/mine", arn)

    for key_id in (arn, arn.rpartition("/")[2], "alias/mine", full_arn("alias/mine", TENANT)):
        with pytest.raises(KeyUnavailableError):
            await keys.open().resolve(key_id, other)


async def test_an_alias_can_be_moved(keys: Keys) -> None:
    """It means the other key from then on; what was wrapped under the first one stays with that."""
    first, second = keys.make_key(), keys.make_key()
    service = keys.open()
    keys.alias("alias/a", first)
    made = await service.generate_data_key(await service.resolve("alias/a", TENANT), CONTEXT)

    keys.alias("alias/a", second)

    assert await service.resolve("alias/a", TENANT) == second
    assert await service.unwrap(first, made.wrapped, CONTEXT) == made.plaintext


async def test_a_disabled_key_is_of_no_use_until_it_is_enabled(keys: Keys) -> None:
    """A process that has used it notices."""
    arn, service = keys.make_key(), keys.open()
    made = await service.generate_data_key(arn, CONTEXT)

    keys.enable(arn, is_enabled=False)

    with pytest.raises(KeyUnavailableError):
        await service.resolve(arn, TENANT)
    with pytest.raises(KeyUnavailableError):
        await service.generate_data_key(arn, CONTEXT)
    with pytest.raises(KeyUnavailableError):
        await service.unwrap(arn, made.wrapped, CONTEXT)
    keys.enable(arn, is_enabled=True)
    assert await service.resolve(arn, TENANT) == arn
    assert await service.unwrap(arn, made.wrapped, CONTEXT) == made.plaintext


async def test_what_was_wrapped_before_a_rotation_opens_after_it(keys: Keys) -> None:
    """Rotating takes nothing away from anybody, and the key keeps its ARN."""
    arn, service = keys.make_key(), keys.open()
    before = await service.generate_data_key(arn, CONTEXT)

    keys.rotate(arn)
    after = await service.generate_data_key(arn, CONTEXT)

    for made in (before, after):
        assert await service.unwrap(arn, made.wrapped, CONTEXT) == made.plaintext
