"""DeleteImportedModel while the model answers: the answer ends whole, and then nothing of the model is left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop.testing.canned_engine import digest_of, install
from tests.crash.processes import processes_of
from tests.e2e.canned import make_canned
from tests.e2e.servers import RunningServer, running_server

WAIT_S = 120.0
ASKED = json.dumps({"messages": [{"role": "user", "content": "Who are you?"}]})


def await_that(holds: Callable[[], bool], told: Callable[[], str]) -> None:
    """Polls until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


def is_gone(server: RunningServer, model: str) -> bool:
    """Whether GetImportedModel finds a model no more."""
    try:
        server.client("bedrock").get_imported_model(modelIdentifier=model)
    except ClientError as error:
        return error.response["Error"]["Code"] == "ResourceNotFoundException"
    return False


def engines_of(server: RunningServer) -> list[str]:
    """The engines that run for a server."""
    return [line for line in processes_of(server.data) if "canned_engine" in line]


def words_of(events: Iterator[Any]) -> Iterator[str]:
    """The words of a stream, one by one."""
    for event in events:
        for choice in json.loads(event["chunk"]["bytes"])["choices"]:
            yield str(choice["delta"].get("content", ""))


def test_a_model_that_is_deleted_in_mid_stream(tmp_path: Path) -> None:
    """The stream ends whole, its copy is ended, the bytes go, and the name can be imported again."""
    buckets = make_canned(tmp_path / "buckets", "pause")
    flags = ("--buckets", str(buckets), "--engine-command", str(install(tmp_path)))
    with running_server(tmp_path / "data", *flags) as server, ThreadPoolExecutor(1) as threads:
        bedrock, runtime = server.client("bedrock"), server.client("bedrock-runtime")
        go = server.data / "go"
        go.touch()  # for the proof
        arn = server.ended(server.create_import("m", "s3://models/pause/"))["importedModelArn"]
        go.unlink()
        reply = runtime.invoke_model_with_response_stream(modelId=arn, body=ASKED)
        words = words_of(iter(reply["body"]))
        said = [next(words)]
        assert len(engines_of(server)) >= 1

        deleting = threads.submit(bedrock.delete_imported_model, modelIdentifier="m")
        await_that(lambda: is_gone(server, arn), server.log)
        go.touch()
        said += words
        deleting.result(WAIT_S)

        assert "".join(said).split() == [digest_of(buckets / "models" / "pause"), "is", "what", "I", "am."]
        await_that(lambda: not engines_of(server), lambda: str(engines_of(server)))
        assert server.stored_bytes() == 0
        assert [path for kind in ("artifacts", "staging") for path in (server.data / "vault" / kind).iterdir()] == []
        for call in (bedrock.delete_imported_model, bedrock.get_imported_model):
            with pytest.raises(ClientError, match="ResourceNotFoundException"):
                call(modelIdentifier="m")
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            runtime.invoke_model(modelId=arn, body=ASKED)

        again = bedrock.create_model_import_job(
            jobName="again",
            importedModelName="m",
            roleArn="arn:aws:iam::000000000000:role/import",
            modelDataSource={"s3DataSource": {"s3Uri": "s3://models/good/"}},
        )
        assert server.ended(again["jobArn"])["status"] == "Completed"
        answer = runtime.invoke_model(modelId=server.ended(again["jobArn"])["importedModelArn"], body=ASKED)
        said = json.loads(answer["body"].read())["choices"][0]["message"]["content"].split()
        assert said[0] == digest_of(buckets / "models" / "good")
    assert "Traceback" not in server.log()
