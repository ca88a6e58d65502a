"""`outcrop check` as people run it: on folders, on buckets that are far away, and on what is not there."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, OUTCROP
from tests.services.faulty_s3 import faulty_s3

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
ROOT = Path(__file__).parents[2]


def check(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command without any settings of this process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    return subprocess.run(
        [*OUTCROP, "check", *arguments],
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def far_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A bucket `models` whose every answer takes 50 ms: the variables that lead there."""
    folder = tmp_path_factory.mktemp("s3")
    shutil.copytree(EXAMPLE / "model", folder / "models" / "good")
    shutil.copytree(EXAMPLE / "model", folder / "models" / "broken")
    (folder / "models" / "broken" / "config.json").write_text("{}")
    command = [sys.executable, "-m", "benchmarks.slow_s3", str(folder), "0.05"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield {**KEYS, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{int(process.stdout.readline())}"}
        process.communicate()


def test_a_model_in_a_bucket_is_judged_there(far_s3: dict[str, str]) -> None:
    """As a folder with the same files is."""
    far = check("s3://models/good/", "--json", environment=far_s3)
    near = check(str(EXAMPLE / "model"), "--json")

    assert far.returncode == 0, far.stderr
    assert json.loads(far.stdout) == json.loads(near.stdout)


def test_a_broken_model_in_a_bucket_is_not_importable(far_s3: dict[str, str]) -> None:
    """Exit status 1, and a finding with its cure."""
    done = check("s3://models/broken/", environment=far_s3)

    assert done.returncode == 1
    assert "config.no_architecture" in done.stdout


@pytest.mark.parametrize(
    ("target", "word"),
    [("s3://models/nothing-here/", "s3://models/nothing-here/"), ("s3://", "names no bucket")],
)
def test_an_address_where_nothing_is_cannot_be_told(far_s3: dict[str, str], target: str, word: str) -> None:
    """Exit status 2: most likely the address is wrong, not the model."""
    done = check(target, environment=far_s3)

    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr


def test_a_store_that_does_not_answer_cannot_be_told() -> None:
    """Exit status 2, and one line that names the store and says why."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"

        done = check("s3://models/good/", environment={**KEYS, "AWS_ENDPOINT_URL_S3": endpoint})

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert endpoint in line
    assert "connection refused" in line


def test_without_credentials_it_says_which_are_missing() -> None:
    """Exit status 2; the store was asked without a signature, as for a public bucket, and refused."""
    quiet = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), "/nonexistent")
    with faulty_s3(["models"]) as server:
        server.dialect.is_public = False
        environment = {**quiet, "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_S3": server.url}
        done = check("s3://models/good/", environment=environment)

    assert done.returncode == 2
    assert "AWS_ACCESS_KEY_ID" in done.stderr


@pytest.mark.parametrize(("made", "word"), [("file", "is a file"), ("empty", "empty"), ("", "is not a folder")])
def test_a_path_that_holds_no_model_is_told_as_it_is(tmp_path: Path, made: str, word: str) -> None:
    """A file, an empty folder, nothing."""
    target = tmp_path / "model"
    if made == "file":
        target.write_bytes(b"\x1f\x8b")
    elif made == "empty":
        target.mkdir()

    done = check(str(target))

    assert done.returncode == 2
    assert word in done.stderr


def test_the_engine_decides_what_is_accepted_beyond_the_list(tmp_path: Path) -> None:
    """One that is not installed runs nothing that has no table."""
    model = Path(shutil.copytree(EXAMPLE / "model", tmp_path / "model"))
    config = json.loads((model / "config.json").read_text())
    config |= {"architectures": ["OlmoForCausalLM"], "model_type": "olmo"}
    (model / "config.json").write_text(json.dumps(config))

    done = check(str(model), "--engine-command", str(tmp_path / "bin" / "transformers"))

    assert done.returncode == 1
    assert "architecture.unsupported" in done.stdout
