"""The commands, as people type them."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, OUTCROP

MODEL = str(EXAMPLE / "model")


def outcrop(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command without anybody's AWS variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    environment["COLUMNS"] = "160"
    return subprocess.run([*OUTCROP, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_check_says_yes_to_the_example() -> None:
    """Exit status 0, and both verdicts."""
    done = outcrop("check", MODEL, "--profile", "both")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("importable") == 2
    assert "not importable" not in done.stdout


@pytest.mark.parametrize(
    ("name", "finding"),
    [("no-config", "config.json"), ("truncated", "model.safetensors"), ("unsupported", "InternLM2ForCausalLM")],
)
def test_check_says_no_with_the_cause(buckets: Path, name: str, finding: str) -> None:
    """Exit status 1, and the finding in words and as JSON."""
    target = str(buckets / "models" / name)

    done, as_json = outcrop("check", target), outcrop("check", target, "--json")

    assert (done.returncode, as_json.returncode) == (1, 1)
    assert finding in done.stdout
    document = json.loads(as_json.stdout)
    assert not document["verdicts"]["outcrop"]["importable"]
    assert document["findings"]


@pytest.mark.parametrize("target", ["/no/such/folder", "s3://bucket-without-credentials/x/"])
def test_check_says_when_it_cannot_tell(target: str) -> None:
    """Exit status 2, and one line that says why."""
    done = outcrop("check", target)

    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.engine
def test_import_follows_to_the_end_without_a_server(tmp_path: Path) -> None:
    """`outcrop import DIR` brings its own server, shows each stage, and leaves the model behind."""
    done = outcrop("import", MODEL, "--name", "m", "--follow", "--data", "d", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(stage in done.stdout for stage in ("Plan", "Copy", "Prove", "Completed"))
    assert not (tmp_path / "d" / "server.json").exists()
    assert len(list((tmp_path / "d" / "vault" / "artifacts").iterdir())) == 1


def test_import_of_a_broken_model_exits_with_1(buckets: Path, tmp_path: Path) -> None:
    """The reason is printed, and nothing is left."""
    source = str(buckets / "models" / "no-config")

    done = outcrop("import", source, "--name", "m", "--follow", "--data", "d", cwd=tmp_path)

    assert done.returncode == 1
    assert "config.json" in done.stdout
    assert list((tmp_path / "d" / "vault" / "artifacts").iterdir()) == []


def test_a_refusal_is_one_line(buckets: Path, tmp_path: Path) -> None:
    """What the server answers is told in its words, without a trace."""
    source = str(buckets / "models" / "good")

    done = outcrop("import", source, "--name", "not a name!", "--data", "d", cwd=tmp_path)

    assert done.returncode == 1
    assert "ValidationException: 2 validation errors detected" in done.stderr
    assert "Traceback" not in done.stderr


def test_env_prints_what_clients_need(tmp_path: Path) -> None:
    """The same key each time, in a file that only its owner reads."""
    first, second = outcrop("env", cwd=tmp_path).stdout, outcrop("env", cwd=tmp_path).stdout

    assert first == second
    for name in ("AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ACCESS_KEY_ID", "AWS_REGION"):
        assert f"export {name}=" in first
    assert (tmp_path / ".outcrop" / "keys" / "root.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments", [["serve", "--host", "0.0.0.0", "--auth", "none"], ["serve", "--port", "x"], ["jobs", "list"]]
)
def test_a_mistake_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    """A setting that cannot work ends the command with its name and no trace."""
    done = outcrop(*arguments, "--data", str(tmp_path / "d"))

    assert done.returncode == 2
    assert done.stderr.startswith("outcrop: --")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A second server on a port would take every other request of the first."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = outcrop("serve", "--data", str(tmp_path / "d"), "--port", str(port))

    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"outcrop: --port: 127.0.0.1:{port} cannot be listened on")
