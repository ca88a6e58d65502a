"""Settings: flags, then the environment, then defaults; a bad value names itself."""

from pathlib import Path

import pytest

from outcrop.errors import SettingError
from outcrop.settings import Settings, engine_environment, load, setting_infos


def test_a_flag_wins_over_the_environment() -> None:
    """What is written on the command line is meant most."""
    settings = load({"port": "1234"}, {"OUTCROP_PORT": "999", "OUTCROP_HOLD_S": "2.5"})

    assert (settings.port, settings.hold_s, settings.idle_s) == (1234, 2.5, 300.0)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OUTCROP_PORT", "http", "OUTCROP_PORT"),
        ("OUTCROP_PORT", "70000", "0 to 65535"),
        ("OUTCROP_AUTH", "maybe", "sigv4, none"),
        ("OUTCROP_ENGINE", "ollama", "transformers, vllm or an http"),
        ("OUTCROP_ACCOUNT", "42", "twelve digits"),
        ("OUTCROP_HOLD_S", "-1", "at least 0"),
        ("OUTCROP_WORKER", "perhaps", "OUTCROP_WORKER"),
        ("OUTCROP_BUCKETS", "/no/such/folder", "not a folder"),
        ("OUTCROP_IDLE_S", "nan", "at least 1"),
        ("OUTCROP_VAULT_URL", "s3:///prefix", "s3://BUCKET"),
    ],
)
def test_a_bad_value_stops_and_names_itself(variable: str, value: str, says: str) -> None:
    """The message holds the variable and what would work."""
    with pytest.raises(SettingError, match=variable) as raised:
        load({}, {variable: value})

    assert says in str(raised.value)


def test_models_to_keep_warm_are_a_list() -> None:
    """Names and ARNs, with commas and perhaps blanks between."""
    assert load({"keep_warm": "a, arn:b,"}, {}).kept_warm == {"a", "arn:b"}
    assert load({}, {}).kept_warm == frozenset()


def test_a_bad_flag_is_named_as_a_flag() -> None:
    """Who typed a flag is told of the flag."""
    with pytest.raises(SettingError, match="--port"):
        load({"port": "x"}, {"OUTCROP_PORT": "1"})


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "::", "192.0.2.1"])
def test_no_authentication_beyond_this_machine(host: str) -> None:
    """`--auth none` is refused unless the address is loopback."""
    with pytest.raises(SettingError, match="loopback"):
        Settings(auth="none", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_no_authentication_on_this_machine(host: str) -> None:
    """On loopback it is a choice."""
    assert Settings(auth="none", host=host).host == host


def test_every_setting_has_a_flag_a_variable_and_a_help() -> None:
    """The table is what help texts are made of."""
    infos = setting_infos()

    assert all(info.flag.startswith("--") and info.variable.startswith("OUTCROP_") for info in infos)
    assert all(info.help_text.endswith(".") for info in infos)
    assert len({info.variable for info in infos}) == len(infos)


def test_paths_do_not_depend_on_where_a_command_runs_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is made absolute when it is read."""
    monkeypatch.chdir(tmp_path)

    assert load({"data": "x"}, {}).data == tmp_path / "x"
    assert load({}, {}).data.is_absolute()


def test_an_engine_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes to an engine is an allow-list."""
    for name in ("AWS_SECRET_ACCESS_KEY", "OUTCROP_DATA", "HF_TOKEN", "SOME_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    seen = engine_environment()

    assert "secret" not in seen.values()
    assert seen["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_vault_is_a_folder_or_a_bucket() -> None:
    """An s3:// address is kept as it is; everything else is a folder."""
    bucket = load({}, {"OUTCROP_VAULT_URL": "s3://models/team"})
    folder = load({"vault": "/srv/vault"}, {})
    default = load({"data": "/srv/data"}, {})

    assert bucket.vault_place == "s3://models/team"
    assert folder.vault_place == Path("/srv/vault")
    assert default.vault_place == Path("/srv/data/vault")
