"""InvokeModelWithResponseStream through boto3, on the example model and a real engine."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.e2e.servers import OUTCROP, RunningServer

pytestmark = [pytest.mark.engine]

METRICS = {"inputTokenCount", "outputTokenCount", "invocationLatency", "firstByteLatency"}


def chunks_of(server: RunningServer, model: str, **body: Any) -> list[dict[str, Any]]:
    """Streams a reply; returns its chunks."""
    return list(opened(server, model, **body))


def opened(server: RunningServer, model: str, **body: Any) -> Iterator[dict[str, Any]]:
    """Streams a reply, chunk by chunk."""
    reply = server.client("bedrock-runtime").invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    assert reply["contentType"] == "application/json"
    with closing(reply["body"]) as events:
        for event in events:
            yield json.loads(event["chunk"]["bytes"])


def whole(server: RunningServer, model: str, **body: Any) -> dict[str, Any]:
    """The same without a stream."""
    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    found: dict[str, Any] = json.loads(reply["body"].read())
    return found


def test_a_chat_is_streamed(server: RunningServer, guide: str, questions: list[dict[str, str]]) -> None:
    """Piece by piece, and the last chunk ends it."""
    messages = [{"role": "user", "content": questions[0]["question"]}]

    chunks = chunks_of(server, guide, messages=messages, max_tokens=80, temperature=0)

    said = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(said) == questions[0]["answer"]
    assert len(chunks) > 5
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1]["amazon-bedrock-invocationMetrics"].keys() == METRICS
    assert (
        chunks[-1]["usage"]["completion_tokens"] == chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"]
    )


def test_a_prompt_is_streamed_in_both_schemas(
    server: RunningServer, guide: str, questions: list[dict[str, str]]
) -> None:
    """The pieces are those of the whole reply, and so are the counts."""
    prompt = f"Q: {questions[0]['question']}\nA:"
    bedrock: dict[str, Any] = {"prompt": prompt, "max_gen_len": 6, "temperature": 0}
    openai: dict[str, Any] = {"prompt": prompt, "max_tokens": 6, "temperature": 0}

    own, completion = chunks_of(server, guide, **bedrock), chunks_of(server, guide, **openai)

    reply = whole(server, guide, **bedrock)
    assert "".join(chunk["generation"] for chunk in own) == reply["generation"]
    assert {**own[-1], "generation": reply["generation"]}.items() >= reply.items()
    assert "".join(chunk["choices"][0]["text"] for chunk in completion) == reply["generation"]
    assert completion[-1]["choices"][0]["finish_reason"] == "length"
    assert completion[-1]["usage"]["completion_tokens"] == 6


def test_a_stop_string_ends_a_stream(server: RunningServer, guide: str, questions: list[dict[str, str]]) -> None:
    """Nothing of it is streamed."""
    answer = questions[0]["answer"]
    stop = answer[8:12]
    messages = [{"role": "user", "content": questions[0]["question"]}]

    chunks = chunks_of(server, guide, messages=messages, max_tokens=80, temperature=0, stop=[stop])

    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == answer.partition(stop)[0]
    assert chunks[-1]["choices"][0]["stop_reason"] == stop


@pytest.mark.parametrize("key", ["meta", "mistral"])
def test_a_model_may_keep_an_older_format(server: RunningServer, guide: str, key: str) -> None:
    """The tag says which: the reply then has the members of models imported before 2025-11-11."""
    bedrock = server.client("bedrock")
    bedrock.tag_resource(resourceARN=guide, tags=[{"key": "outcrop:body-format", "value": key}])
    try:
        reply = whole(server, guide, prompt="Q: What is a sill?\nA:", max_tokens=5, temperature=0)
        chunks = chunks_of(server, guide, prompt="Q: What is a sill?\nA:", max_tokens=5, temperature=0)
    finally:
        bedrock.untag_resource(resourceARN=guide, tagKeys=["outcrop:body-format"])

    expected = {"meta": {"generation", "prompt_token_count", "generation_token_count", "stop_reason"}}
    assert reply.keys() == expected.get(key, {"outputs"})
    assert [chunk.keys() == reply.keys() for chunk in chunks[:-1]] == [True] * (len(chunks) - 1)


def test_a_client_that_leaves_frees_the_engine(server: RunningServer, guide: str) -> None:
    """The next request is answered, though the engine does one at a time and the first would be long."""
    for _ in range(3):
        stream = opened(server, guide, prompt="Q: What is a sill?\nA:", max_tokens=1000, temperature=2)
        next(stream)
        stream.close()  # type: ignore[attr-defined]

    assert whole(server, guide, prompt="Q:", max_tokens=1, temperature=0)["choices"]


def test_what_is_wrong_before_the_first_chunk_is_an_error_of_the_call(server: RunningServer, guide: str) -> None:
    """Not of the stream: SDKs retry the one and not the other."""
    with pytest.raises(ClientError) as raised:
        chunks_of(server, guide, prompt="x", logit_bias={"5": 1}, max_tokens=5)

    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert "transformers serve" in raised.value.response["Error"]["Message"]
    assert "logit_bias" in raised.value.response["Error"]["Message"]


def engines_of(process: int) -> list[int]:
    """The processes that serve models below a process."""
    children: dict[int, list[int]] = {}
    commands: dict[int, bytes] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(path.name)] = (path / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(path.name))
    below, pending = [], [process]
    while pending:
        found = children.get(pending.pop(), [])
        below += found
        pending += found
    return [pid for pid in below if b"\0serve\0./model" in commands[pid] and b"engine_keeper" not in commands[pid]]


def code_at_death(server: RunningServer, model: str) -> str:
    """The error of a stream whose engine is killed in the middle of it."""
    for _ in range(5):
        stream = opened(server, model, prompt="Q: What is a sill?\nA:", max_tokens=1000, temperature=2)
        next(stream)
        for pid in engines_of(server.process.pid):
            os.kill(pid, signal.SIGKILL)
        try:
            list(stream)
        except EventStreamError as error:
            return str(error.response["Error"]["Code"])
        # Sampled at this temperature, a reply now and then ends by itself before it can be interrupted.
    return "every reply was whole"


def test_an_engine_that_dies_ends_its_stream_and_is_replaced(server: RunningServer, guide: str) -> None:
    """The stream ends with ModelStreamErrorException, and the next request finds a new engine."""
    assert code_at_death(server, guide) == "modelStreamErrorException"
    assert whole(server, guide, prompt="Q:", max_tokens=1, temperature=0)["choices"]


def test_the_command_prints_the_answer(server: RunningServer, guide: str, questions: list[dict[str, str]]) -> None:
    """`outcrop invoke NAME PROMPT`, by name or ARN."""
    for model in ("guide", guide):
        command = [*OUTCROP, "invoke", model, questions[0]["question"], "--data", str(server.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stdout) == (0, f"{questions[0]['answer']}\n"), done.stderr


def test_the_command_reads_its_prompt_from_standard_input(
    server: RunningServer, guide: str, questions: list[dict[str, str]]
) -> None:
    """With `-`; `--system` and `--max-tokens` reach the model, and what is refused is told, without a trace."""

    def run(*arguments: str, data: Path = server.data) -> subprocess.CompletedProcess[str]:
        command = [*OUTCROP, "invoke", *arguments, "--data", str(data)]
        asked = questions[0]["question"]
        return subprocess.run(command, input=asked, capture_output=True, text=True, check=False)

    piped, short = run(guide, "-"), run(guide, "-", "--max-tokens", "3", "--system", "Be brief.")
    unknown, long = run("nobody", "hi"), run(guide, "sill " * 2000)
    nowhere = run(guide, "hi", data=server.data / "nowhere")

    assert (piped.returncode, piped.stdout) == (0, f"{questions[0]['answer']}\n")
    assert (short.returncode, len(short.stdout.split()) <= 3) == (0, True)
    assert [(done.returncode, done.stdout) for done in (unknown, long, nowhere)] == [(1, ""), (1, ""), (2, "")]
    assert "Could not find the imported model nobody" in unknown.stderr
    assert "Input is too long" in long.stderr
    assert "outcrop serve" in nowhere.stderr
    assert "Traceback" not in unknown.stderr + long.stderr + nowhere.stderr
