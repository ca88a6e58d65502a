"""What outlives what: deletes, stops, kills and restarts."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.e2e.servers import RunningServer, running_server

pytestmark = [pytest.mark.engine]


def ask(server: RunningServer, model: str, question: str) -> str:
    """Asks a model greedily."""
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": 80, "temperature": 0}
    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    return str(json.loads(reply["body"].read())["choices"][0]["message"]["content"])


def engines_of(data: Path) -> list[str]:
    """Command lines of engine processes that run for a data folder."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(data) in line and "serve" in line and "--data" not in line]


def test_a_model_outlives_the_server_until_it_is_deleted(
    buckets: Path, tmp_path: Path, questions: list[dict[str, str]]
) -> None:
    """Stopped servers leave no engine; the next one loads the model again; deleting takes everything."""
    data, first = tmp_path / "data", questions[0]
    with running_server(data, "--buckets", str(buckets)) as server:
        arn = server.ended(server.create_import("m", "s3://models/good/"))["importedModelArn"]
    assert engines_of(data) == []

    with running_server(data, "--buckets", str(buckets)) as server:
        assert ask(server, arn, first["question"]) == first["answer"]
        assert server.stored_bytes() > 4_000_000

        server.client("bedrock").delete_imported_model(modelIdentifier="m")

        assert server.stored_bytes() == 0
        assert engines_of(data) == []
        with pytest.raises(ClientError, match="ResourceNotFound"):
            ask(server, arn, first["question"])
        with pytest.raises(ClientError, match="ResourceNotFound"):
            server.client("bedrock").delete_imported_model(modelIdentifier="m")
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("stage", ["Check", "Copy", "Prove"])
def test_a_killed_import_goes_on_after_the_restart(buckets: Path, tmp_path: Path, stage: str) -> None:
    """Kill -9 in the middle of a stage: the next server ends the job as Completed, and no engine is left over."""
    data = tmp_path / "data"
    with running_server(data, "--buckets", str(buckets), is_killed=True) as server:
        arn = server.create_import("m", "s3://models/good/")
        wait_for_stage(server, stage)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        await_no_engine(data)

    with running_server(data, "--buckets", str(buckets)) as server:
        job = server.ended(arn)

        assert job["status"] == "Completed", job
        assert len(server.client("bedrock").list_imported_models()["modelSummaries"]) == 1
        assert sorted(path.name for path in (data / "vault" / "staging").iterdir()) == []
        assert len(list((data / "vault" / "artifacts").iterdir())) == 1


def test_a_stopped_import_goes_on_after_the_restart(buckets: Path, tmp_path: Path) -> None:
    """SIGTERM while a model is being proven does not fail its import."""
    data = tmp_path / "data"
    with running_server(data, "--buckets", str(buckets)) as server:
        arn = server.create_import("m", "s3://models/good/")
        wait_for_stage(server, "Prove")
    assert engines_of(data) == []

    with running_server(data, "--buckets", str(buckets)) as server:
        assert server.ended(arn)["status"] == "Completed"


def wait_for_stage(server: RunningServer, stage: str) -> None:
    """Returns once the import has come to a stage, or passed it."""
    order = ["Queued", "Plan", "Check", "Copy", "Verify", "Prove", "Publish", "Completed"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(f"file:{server.data / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog:
            (found,) = catalog.execute("select stage from import_jobs").fetchone()
        if order.index(found) >= order.index(stage):
            return
        time.sleep(0.005)
    raise TimeoutError(stage)


def await_no_engine(data: Path) -> None:
    """Engines end with their server, within a few seconds, even when it is killed."""
    deadline = time.monotonic() + 30
    while engines_of(data):
        assert time.monotonic() < deadline, engines_of(data)
        time.sleep(0.1)
