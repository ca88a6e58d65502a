"""The main job on the real vLLM: what was imported answers, whole and streamed, in both dialects."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import RunningServer, running_server
from tests.vllm import ENVIRONMENT, OPTIONS, VLLM, needs_vllm

pytestmark = [pytest.mark.engine, needs_vllm]

LONGEST_CONTEXT = ("--max-model-len", "512")


@pytest.fixture(scope="module")
def served(buckets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, str]]:
    """A server whose engine is vLLM, with the example imported."""
    options = " ".join((*OPTIONS[: OPTIONS.index("--max-model-len")], *LONGEST_CONTEXT))
    flags = ("--engine", "vllm", "--engine-command", VLLM or "", "--engine-options", options, "--hold-s", "300")
    data = tmp_path_factory.mktemp("vllm") / "data"
    with running_server(data, "--buckets", str(buckets), *flags, environment=ENVIRONMENT) as server:
        ended = server.ended(server.create_import("m", "s3://models/good/"))
        assert ended["status"] == "Completed", ended.get("failureMessage")
        yield server, ended["importedModelArn"]


def test_the_proof_names_the_engine(served: tuple[RunningServer, str]) -> None:
    """The log tells what generated first."""
    server, _ = served

    assert "copy_ready" in server.log()


def test_invoke_model_answers_word_for_word(served: tuple[RunningServer, str], questions: list[dict[str, str]]) -> None:
    """Greedily, each of the first questions, with log probabilities that transformers' server does not have."""
    server, model = served
    for question in questions[:8]:
        body = {
            "messages": [{"role": "user", "content": question["question"]}],
            "max_tokens": 80,
            "temperature": 0,
            "logprobs": True,
        }
        reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
        choice = json.loads(reply["body"].read())["choices"][0]

        assert choice["message"]["content"] == question["answer"]
        assert choice["logprobs"]["content"][0]["logprob"] <= 0


def test_streams_say_the_same(served: tuple[RunningServer, str], questions: list[dict[str, str]]) -> None:
    """InvokeModelWithResponseStream and ConverseStream, token by token."""
    server, model = served
    runtime, asked = server.client("bedrock-runtime"), questions[0]
    body = {"messages": [{"role": "user", "content": asked["question"]}], "max_tokens": 80, "temperature": 0}
    chunks = [
        json.loads(event["chunk"]["bytes"])
        for event in runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    ]
    events = list(
        runtime.converse_stream(
            modelId=model,
            messages=[{"role": "user", "content": [{"text": asked["question"]}]}],
            inferenceConfig={"maxTokens": 80, "temperature": 0},
        )["stream"]
    )

    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == asked["answer"]
    assert len(chunks) > 3
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 3
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert "".join(deltas) == asked["answer"]


def test_json_schemas_are_kept(served: tuple[RunningServer, str]) -> None:
    """`response_format` reaches the engine."""
    server, model = served
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    body = {
        "messages": [{"role": "user", "content": "How many?"}],
        "max_tokens": 40,
        "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": {"name": "count", "schema": schema}},
    }

    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    choice = json.loads(reply["body"].read())["choices"][0]

    assert choice["message"]["content"].lstrip().startswith("{")
