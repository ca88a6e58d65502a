"""`outcrop keys`, as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from outcrop.app import logs
from outcrop.cli import cli
from outcrop.errors import KeyUnavailableError, SettingError


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are not broken, nobody's settings are read, and the logging of other tests stays as it is."""
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("OUTCROP_KEYS", "OUTCROP_DATA", "OUTCROP_ACCOUNT", "OUTCROP_REGION", "OUTCROP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def keys(data: Path, *arguments: str) -> str:
    """Runs the command; what it printed."""
    done = CliRunner().invoke(cli, ["keys", *arguments, "--data", str(data)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output.strip()


def test_keys_are_made_named_and_listed(tmp_path: Path) -> None:
    """Before the first server too; the service's own is the first one."""
    first = keys(tmp_path, "create", "--alias", "alias/team/a")
    keys(tmp_path, "alias", "alias/b", first)
    keys(tmp_path, "disable", "alias/b")

    lines = keys(tmp_path, "list").splitlines()

    assert "(the service's own)" in lines[1]
    mine = next(number for number, line in enumerate(lines) if line.startswith(first))
    assert "disabled" in lines[mine]
    assert ("alias/b" in lines[mine], lines[mine + 1].strip()) == (True, "alias/team/a")
    assert keys(tmp_path, "enable", first.rpartition("/")[2]) == f"enabled {first}"


def test_a_key_without_models_is_rotated(tmp_path: Path) -> None:
    """There is nothing to wrap anew, and no catalog yet."""
    arn = keys(tmp_path, "create")

    assert keys(tmp_path, "rotate", arn).splitlines()[-1] == f"rotated {arn}: 0 model keys wrapped anew"

    keyring = json.loads((tmp_path / "keys" / "keyring.json").read_text())
    assert len(keyring["keys"][arn]["versions"]) == 2


def test_an_unknown_key_is_told(tmp_path: Path) -> None:
    """And nothing is made of it."""
    keys(tmp_path, "create")

    with pytest.raises(KeyUnavailableError, match="alias/none does not exist"):
        keys(tmp_path, "alias", "alias/x", "alias/none")


def test_a_folder_without_a_keyring_gets_none_by_looking(tmp_path: Path) -> None:
    """A wrong --data is told, and stays as it was."""
    with pytest.raises(SettingError, match="holds no keyring"):
        keys(tmp_path, "list")

    assert list(tmp_path.iterdir()) == []


def test_keys_in_kms_are_managed_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local keyring would be the wrong one."""
    monkeypatch.setenv("OUTCROP_KEYS", "kms")
    monkeypatch.setenv("OUTCROP_KMS_KEY", "alias/a")

    with pytest.raises(SettingError, match="AWS KMS"):
        keys(tmp_path, "create")
