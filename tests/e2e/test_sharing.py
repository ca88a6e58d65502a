"""The same source imported twice, from a bucket into a bucket: what is read the second time, and what goes when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, RunningServer, running_server
from tests.services.faulty_s3 import FaultyS3, faulty_s3

pytestmark = [pytest.mark.engine]

MODEL = EXAMPLE / "model"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


def read_of(s3: FaultyS3, key: str, *, since: int) -> int:
    """Bytes of an object that were asked for by the requests after the first so many."""
    ranges = [asked.removeprefix("bytes=").split("-") for name, asked in s3.gets[since:] if name == key]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


def answers(server: RunningServer, model: str, question: dict[str, str]) -> bool:
    """Whether a model answers what it was trained on."""
    body = {"messages": [{"role": "user", "content": question["question"]}], "max_tokens": 80, "temperature": 0}
    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    return bool(json.loads(reply["body"].read())["choices"][0]["message"]["content"] == question["answer"])


def test_a_second_import_reads_no_weights(tmp_path: Path, questions: list[dict[str, str]]) -> None:
    """It reads what the checks read; both models answer, and the sealed bytes go with the last one."""
    weights = MODEL / "model.safetensors"
    with faulty_s3(["models", "vault"]) as s3:
        for path in MODEL.iterdir():
            s3.put("models", f"m/{path.name}", path.read_bytes())
        environment = {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": s3.url}
        with running_server(tmp_path / "data", "--vault", "s3://vault/v/", environment=environment) as server:
            assert server.ended(server.create_import("first", "s3://models/m/"))["status"] == "Completed"
            first_read, so_far = read_of(s3, "m/model.safetensors", since=0), len(s3.gets)
            sealed = sorted(s3.buckets["vault"])

            assert server.ended(server.create_import("second", "s3://models/m"))["status"] == "Completed"

            assert first_read > weights.stat().st_size
            assert read_of(s3, "m/model.safetensors", since=so_far) == first_read - weights.stat().st_size
            assert sorted(s3.buckets["vault"]) == sealed
            bedrock = server.client("bedrock")
            bedrock.delete_imported_model(modelIdentifier="first")
            assert sorted(s3.buckets["vault"]) == sealed
            assert answers(server, "second", questions[0])
            bedrock.delete_imported_model(modelIdentifier="second")
            assert s3.buckets["vault"] == {}
        assert "Traceback" not in server.log()
