"""The keyring's file: private, whole, changed by one process at a time, and read again when it changed."""

import asyncio
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from outcrop.adapters.keys_local import LocalKeyring
from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError, SettingError
from outcrop.testing.clock import FakeClock

TENANT = Tenant(account="000000000000", region="us-east-1")
CONTEXT = {"outcrop:model-arn": "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"}
OLD_ARN = "arn:aws:kms:us-east-1:000000000000:key/22222222-3333-4444-5555-666666666666"
# Format 1, written by the code of decision 0006: material 32 times 0x07, nonce 12 times 0x01, data key 32 times 0x09.
OLD_FILE = {
    "format": 1,
    "service_key": OLD_ARN,
    "keys": {OLD_ARN: {"material": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}},
}
OLD_WRAPPED = bytes.fromhex(
    "010101010101010101010101"
    "7fe880be99b6e507d8ddd528793e7938a1f21dfd119e321a51384a6b6fbd3fb2"
    "6ccb3b6655866485cc0cbdd0f368b564"
)


def opened(path: Path) -> LocalKeyring:
    """The keyring of a file."""
    return LocalKeyring(path, account=TENANT.account, region=TENANT.region, clock=FakeClock())


def add_keys(path: Path, count: int) -> None:
    """What another process does."""
    keyring = opened(path)
    for _ in range(count):
        keyring.create()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the keyring will be."""
    return tmp_path / "keys" / "keyring.json"


def test_the_keyring_is_private(path: Path) -> None:
    """The file is made for its owner only, stays so when it changes, and is refused when others may read it."""
    keyring = opened(path)
    keyring.create("alias/a")
    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
        "keyring.json": 0o600,
        "keyring.json.lock": 0o600,
    }

    path.chmod(0o640)

    with pytest.raises(SettingError, match="chmod 600"):
        opened(path)
    with pytest.raises(SettingError, match="chmod 600"):
        asyncio.run(keyring.resolve(None, TENANT))


def test_processes_that_change_it_at_once_lose_nothing(path: Path) -> None:
    """Four processes make ten keys each: forty, and the service's own."""
    opened(path)
    processes = [multiprocessing.get_context("spawn").Process(target=add_keys, args=(path, 10)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    assert len(opened(path).read().keys) == 41


def test_a_keyring_of_format_1_is_read_and_grows(path: Path) -> None:
    """What it wrapped opens, before and after the file is written in the new format."""
    path.parent.mkdir()
    path.write_text(json.dumps(OLD_FILE))
    path.chmod(0o600)
    keyring = opened(path)

    assert asyncio.run(keyring.unwrap(OLD_ARN, OLD_WRAPPED, CONTEXT)) == b"\x09" * 32
    keyring.rotate(OLD_ARN)
    assert asyncio.run(opened(path).unwrap(OLD_ARN, OLD_WRAPPED, CONTEXT)) == b"\x09" * 32
    assert json.loads(path.read_text())["format"] == 2


def test_rotating_takes_new_material(path: Path) -> None:
    """What is wrapped afterwards does not open with the old material."""
    keyring = opened(path)
    arn = asyncio.run(keyring.resolve(None, TENANT))
    old = path.read_text()
    keyring.rotate(arn)
    made = asyncio.run(keyring.generate_data_key(arn, CONTEXT))

    path.write_text(old)

    with pytest.raises(KeyUnavailableError, match="did not wrap"):
        asyncio.run(opened(path).unwrap(arn, made.wrapped, CONTEXT))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 3}', '{"format": 2, "service_key": "x", "keys": []}'])
def test_a_file_that_is_no_keyring_is_told(path: Path, text: str) -> None:
    """With its path, and without a trace; it is not overwritten."""
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(SettingError, match=r"keyring\.json"):
        opened(path)

    assert path.read_text() == text


def test_a_keyring_that_is_gone_gives_no_key(path: Path) -> None:
    """A mount that vanished: nothing is made anew, and nothing is used from memory."""
    keyring = opened(path)
    path.unlink()

    with pytest.raises(KeyUnavailableError, match="cannot be read"):
        asyncio.run(keyring.resolve(None, TENANT))

    assert not path.exists()


def test_a_full_disk_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring that is there stays whole, and nothing lies beside it."""
    keyring = opened(path)
    before = path.read_text()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        keyring.create()

    assert path.read_text() == before
    assert {each.name for each in path.parent.iterdir()} == {"keyring.json", "keyring.json.lock"}


@pytest.mark.parametrize("name", ["a", "alias/", "key/a"])
def test_an_alias_is_named_as_aws_names_them(path: Path, name: str) -> None:
    """Other names could not be asked for."""
    keyring = opened(path)

    with pytest.raises(KeyUnavailableError, match="alias/"):
        keyring.create(name)

    assert len(keyring.read().keys) == 1


def test_what_a_killed_change_left_goes_at_the_next_start(path: Path) -> None:
    """A temporary file holds secrets, too."""
    opened(path)
    left = path.with_name(f".{path.name}.0123")
    left.write_text("secret")

    opened(path)

    assert not left.exists()
