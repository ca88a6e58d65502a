"""What every KeyService does: the fake and the local keyring."""

from collections.abc import Callable
from pathlib import Path

import pytest

from outcrop.adapters.keys_local import LocalKeyring
from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError, SettingError
from outcrop.ports import KeyService
from outcrop.testing.keys import FakeKeyService

pytestmark = pytest.mark.anyio

TENANT = Tenant(account="000000000000", region="us-east-1")
CONTEXT = {"outcrop:model-arn": "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"}


@pytest.fixture(params=["fake", "local"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeyService]:
    """Opens the same keys, as a new process would."""
    if request.param == "fake":
        fake = FakeKeyService()
        return lambda: fake
    return lambda: LocalKeyring(tmp_path / "keyring.json", account="000000000000", region="us-east-1")


async def test_a_wrapped_key_unwraps_later(reopen: Callable[[], KeyService]) -> None:
    """What one process wrapped, another unwraps."""
    arn = await reopen().resolve(None, TENANT)
    made = await reopen().generate_data_key(arn, CONTEXT)

    assert await reopen().unwrap(arn, made.wrapped, CONTEXT) == made.plaintext
    assert len(made.plaintext) == 32


async def test_each_data_key_is_new(reopen: Callable[[], KeyService]) -> None:
    """Two artifacts never share a key."""
    keys = reopen()
    arn = await keys.resolve(None, TENANT)

    made = [(await keys.generate_data_key(arn, CONTEXT)).plaintext for _ in range(3)]

    assert len(set(made)) == 3


async def test_the_context_binds(reopen: Callable[[], KeyService]) -> None:
    """A key that was wrapped for one model does not open in the name of another."""
    keys = reopen()
    arn = await keys.resolve(None, TENANT)
    made = await keys.generate_data_key(arn, CONTEXT)

    with pytest.raises(KeyUnavailableError):
        await keys.unwrap(arn, made.wrapped, {"outcrop:model-arn": "another"})


async def test_a_key_is_known_by_arn_and_id(reopen: Callable[[], KeyService]) -> None:
    """Both name the same key; nothing else names one, and nobody names the key of another account."""
    keys = reopen()
    arn = await keys.resolve(None, TENANT)

    assert await keys.resolve(arn, TENANT) == arn
    assert await keys.resolve(arn.rpartition("/")[2], TENANT) == arn
    with pytest.raises(KeyUnavailableError):
        await keys.resolve("11111111-2222-3333-4444-555555555555", TENANT)
    with pytest.raises(KeyUnavailableError):
        await keys.resolve(arn, Tenant(account="111111111111", region="us-east-1"))


async def test_the_keyring_is_private(tmp_path: Path) -> None:
    """The file is made for its owner only, and refused when others may read it."""
    path = tmp_path / "keys" / "keyring.json"
    LocalKeyring(path, account="000000000000", region="us-east-1")
    assert path.stat().st_mode & 0o777 == 0o600

    path.chmod(0o640)

    with pytest.raises(SettingError, match="chmod 600"):
        LocalKeyring(path, account="000000000000", region="us-east-1")
