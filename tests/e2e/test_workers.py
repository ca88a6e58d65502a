"""Servers and workers that share their jobs in PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import pytest

from tests.e2e.servers import OUTCROP, RunningServer, await_end, running_server

pytestmark = [pytest.mark.engine]

TAKEN_OVER_S = 30.0
START_S = 60.0


@contextmanager
def worker(data: Path, url: str, buckets: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with a log of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "OUTCROP_"))}
    log_path = data / f"{name}.log"
    flags = ["--data", str(data), "--database", url, "--buckets", str(buckets), "--concurrent-imports", "1"]
    with log_path.open("wb") as log:
        process = subprocess.Popen([*OUTCROP, "worker", *flags], stdout=log, stderr=log, env=environment)
    try:
        deadline = time.monotonic() + START_S
        while "works on imports" not in log_path.read_text():
            assert process.poll() is None, log_path.read_text()
            assert time.monotonic() < deadline, log_path.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        await_end(process)


def await_line(path: Path, text: str, within_s: float) -> float:
    """Waits until a log says something; returns the seconds that it took."""
    began = time.monotonic()
    while text not in path.read_text():
        assert time.monotonic() - began < within_s, path.read_text()
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def shared(postgres_url: str, buckets: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server that works on no imports itself."""
    flags = ("--buckets", str(buckets), "--database", postgres_url, "--no-worker")
    with running_server(tmp_path / "data", *flags) as server:
        yield server


def test_a_worker_imports_what_a_server_accepted(shared: RunningServer, postgres_url: str, buckets: Path) -> None:
    """Also what was accepted before there was one; the server then answers from the model."""
    job = shared.create_import("m", "s3://models/good/")
    with worker(shared.data, postgres_url, buckets, "one"):
        ended = shared.ended(job)

    assert ended["status"] == "Completed", ended
    body = '{"prompt": "What is granite?", "max_tokens": 4}'
    reply = shared.client("bedrock-runtime").invoke_model(modelId=ended["importedModelArn"], body=body)
    assert b'"choices"' in reply["body"].read()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_the_jobs_of_a_worker_that_died_or_froze_are_taken_over(
    shared: RunningServer, postgres_url: str, buckets: Path, end: signal.Signals
) -> None:
    """Within 30 seconds another one goes on with them; one that wakes up again changes nothing."""
    with ExitStack() as stack:
        first = stack.enter_context(worker(shared.data, postgres_url, buckets, "first"))
        job = shared.create_import("m", "s3://models/good/")
        await_line(shared.data / "first.log", "copy_loading", START_S)  # it is about to prove the model
        first.send_signal(end)
        stack.enter_context(worker(shared.data, postgres_url, buckets, "second"))

        assert await_line(shared.data / "second.log", "took_over", TAKEN_OVER_S) < TAKEN_OVER_S
        if end is signal.SIGSTOP:
            first.send_signal(signal.SIGCONT)
        ended = shared.ended(job)
        if end is signal.SIGSTOP:
            await_line(shared.data / "first.log", "worker_lost_its_lock", START_S)

    assert ended["status"] == "Completed", ended
    assert (shared.data / "second.log").read_text().count("import_completed") == 1
    assert "import_completed" not in (shared.data / "first.log").read_text()
    models = shared.client("bedrock").list_imported_models()["modelSummaries"]
    assert [model["modelName"] for model in models] == ["m"]


def test_users_are_made_in_the_servers_database(shared: RunningServer, postgres_url: str) -> None:
    """Without its name, a command would make them in a file that the server never reads."""
    access = [*OUTCROP, "access", "create", "ci", "--policy", "read", "--data", str(shared.data)]

    refused = subprocess.run(access, capture_output=True, text=True, check=False)
    made = subprocess.run([*access, "--database", postgres_url], capture_output=True, text=True, check=False)

    assert (refused.returncode, made.returncode) == (2, 0), made.stderr
    assert "--database" in refused.stderr
    key = made.stdout.splitlines()[0].partition("=")[2]
    secret = made.stdout.splitlines()[1].partition("=")[2].strip("'")
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
    client = session.client("bedrock", endpoint_url=shared.variables["AWS_ENDPOINT_URL_BEDROCK"])
    assert client.list_imported_models()["modelSummaries"] == []
    client.close()


def test_a_worker_needs_a_database(tmp_path: Path) -> None:
    """One line says which setting is missing."""
    done = subprocess.run([*OUTCROP, "worker", "--data", str(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "--database" in done.stderr
    assert "Traceback" not in done.stderr
