"""`outcrop doctor` as people and programs run it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.contract.sts_server import SERVER_KEY, SERVER_SECRET, Role, running_sts
from tests.e2e.servers import OUTCROP
from tests.services.certificates import Authority
from tests.services.faulty_s3 import FaultyS3, faulty_s3

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLEID", "AWS_SECRET_ACCESS_KEY": "very-secret-key", "AWS_REGION": "us-east-1"}


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A program that starts at once."""
    return program(tmp_path / "engine", "exit 0")


def program(path: Path, script: str) -> Path:
    """Writes a shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    """A store with a model."""
    with faulty_s3(["models", "vault"]) as state:
        state.put("models", "m/config.json", b"{}")
        yield state


def doctor(
    *arguments: str, data: Path, engine: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command without any settings of this process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    quiet = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "COLUMNS": "200"}
    return subprocess.run(
        [*OUTCROP, "doctor", *arguments, "--data", str(data), "--engine-command", str(engine)],
        env={**inherited, **quiet, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def checks_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """The checks of the JSON form, by name."""
    document = json.loads(done.stdout)
    assert document["schema"] == "outcrop.doctor/1"
    assert document["exit"] == done.returncode
    return {check["name"]: check for check in document["checks"]}


def test_a_machine_that_is_well(tmp_path: Path, engine: Path) -> None:
    """Exit status 0; nothing is made."""
    done = doctor(data=tmp_path / "data", engine=engine)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is well" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_store_and_the_machine_together(tmp_path: Path, engine: Path, server: FaultyS3) -> None:
    """The store's layers first; `--endpoint-url` names it; no secret is shown."""
    done = doctor(
        *("s3://models/m", "--endpoint-url", server.url, "--json", "--vault", "s3://vault/x"),
        data=tmp_path / "data",
        engine=engine,
        environment={**KEYS, "AWS_ENDPOINT_URL_S3": server.url},
    )

    checks = checks_of(done)
    assert done.returncode == 0, checks
    assert list(checks)[:3] == ["endpoint", "name", "connection"]
    assert checks["reading"]["state"] == "ok"
    assert checks["vault"]["state"] == "ok"
    assert server.buckets["vault"] == {}
    assert "AKIAEXAMPLEID" not in done.stdout + done.stderr
    assert "very-secret-key" not in done.stdout + done.stderr


def test_a_subnet_that_this_machine_lacks(tmp_path: Path, engine: Path) -> None:
    """The networks file is looked at by subnet."""
    file = tmp_path / "networks.toml"
    file.write_text('[subnets.a]\ndirect = true\n[subnets.b]\nsource = "198.51.100.77"\n[security-groups.g]\n')
    done = doctor("--networks", str(file), "--json", data=tmp_path / "data", engine=engine)

    check = checks_of(done)["networks"]
    assert (done.returncode, check["state"]) == (1, "wrong")
    assert check["message"].startswith("Of no use on this machine: b (the source address 198.51.100.77 cannot be used")


def test_what_is_wrong_comes_with_its_cure(tmp_path: Path, engine: Path) -> None:
    """Exit status 1, the cure below, and what was not looked at said."""
    with faulty_s3(["models"], tls=Authority(tmp_path).server()) as state:
        environment = {**KEYS, "AWS_ENDPOINT_URL_S3": state.url}
        done = doctor("s3://models/m/", data=tmp_path / "data", engine=engine, environment=environment)

    assert done.returncode == 1
    assert "→ Set AWS_CA_BUNDLE to the PEM file" in done.stdout
    assert "Not looked at: certificate is wrong first." in done.stdout
    assert "wrong: certificate" in done.stdout


@pytest.mark.parametrize(
    ("script", "says"),
    [("echo 'ImportError: no torch' >&2; exit 1", "does not start: ImportError: no torch"), (None, "is not installed")],
)
def test_an_engine_that_does_not_start(tmp_path: Path, script: str | None, says: str) -> None:
    """Its last words, and how to install it."""
    path = tmp_path / "engine"
    done = doctor("--json", data=tmp_path, engine=path if script is None else program(path, script))

    engine = checks_of(done)["engine"]
    assert done.returncode == 1
    assert says in engine["message"]
    assert "pip install 'outcrop[transformers]'" in engine["cure"]


def test_a_database_and_a_folder_that_cannot_be_used(tmp_path: Path, engine: Path) -> None:
    """Each by its setting."""
    (tmp_path / "file").write_text("")
    done = doctor(
        *(
            "--json",
            "--database",
            "postgresql://nobody:x@127.0.0.1:1/none",
            "--vault",
            str(tmp_path / "file" / "vault"),
        ),
        data=tmp_path / "data",
        engine=engine,
    )

    checks = checks_of(done)
    assert done.returncode == 1
    assert (checks["database"]["state"], checks["vault"]["state"]) == ("wrong", "wrong")
    assert "--database" in checks["database"]["cure"]
    assert "--vault" in checks["vault"]["cure"]


def test_a_keyring_that_others_can_read(tmp_path: Path, engine: Path) -> None:
    """It holds the keys of all models."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "keyring.json").write_text("{}")
    (tmp_path / "keys" / "keyring.json").chmod(0o644)

    keys = checks_of(doctor("--json", data=tmp_path, engine=engine))["keys"]

    assert (keys["state"], keys["cure"]) == ("wrong", f"`chmod 600 {tmp_path}/keys/keyring.json`.")


def test_an_address_that_is_none(tmp_path: Path, engine: Path) -> None:
    """Exit status 2: nothing was examined."""
    done = doctor("models/m", data=tmp_path, engine=engine)

    assert done.returncode == 2
    assert "s3://BUCKET/PREFIX" in done.stderr


@pytest.mark.parametrize("role", ["import", "unknown"])
def test_a_role_is_assumed_as_an_import_would(tmp_path: Path, engine: Path, server: FaultyS3, role: str) -> None:
    """The store is then read with its session, and with nothing else; a role that is refused is named first."""
    with running_sts() as (sts, sts_url):
        sts.roles["arn:aws:iam::000000000000:role/import"] = Role()
        done = doctor(
            *("s3://models/m", "--json", "--role-arn", f"arn:aws:iam::000000000000:role/{role}"),
            data=tmp_path / "data",
            engine=engine,
            environment={
                "AWS_ACCESS_KEY_ID": SERVER_KEY,
                "AWS_SECRET_ACCESS_KEY": SERVER_SECRET,
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3": server.url,
                "AWS_ENDPOINT_URL_STS": sts_url,
            },
        )
        sessions = [session.access_key_id for session in sts.sessions]

    checks = checks_of(done)
    if role == "import":
        assert (done.returncode, checks["role"]["state"]) == (0, "ok"), checks
        assert set(server.signers) - {""} == set(sessions)
    else:
        assert (done.returncode, checks["role"]["state"]) == (1, "wrong")
        assert "sts:AssumeRole" in checks["role"]["cure"]
        assert checks["permission"]["message"] == "Not looked at: role is wrong first."
        assert server.signers == []
