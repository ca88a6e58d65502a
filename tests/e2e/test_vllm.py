"""The main job on the real vLLM: the model answers in every schema and dialect, and what is compiled is kept."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.e2e.servers import EXAMPLE, RunningServer, running_server
from tests.e2e.test_streaming import engines_of
from tests.vllm import ENVIRONMENT, VLLM, needs_vllm

pytestmark = [pytest.mark.engine, needs_vllm]

OPTIONS = (
    "--dtype float32 --max-model-len 512 "
    """--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'"""
)
"""Without --enforce-eager: vLLM compiles, as it does in production. This model would fill JSON with blanks."""

TELLS_OF_TOOLS = "{%- for tool in tools or [] -%}{{- tool.function.name -}}{%- endfor -%}"
TOOL_SCHEMA = {"type": "object", "properties": {"hard": {"type": "boolean"}}, "required": ["hard"]}
TOOL = {"toolSpec": {"name": "scratch", "inputSchema": {"json": {**TOOL_SCHEMA, "additionalProperties": False}}}}


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server whose engine is vLLM, and the example on it, whose template tells of tools."""

    server: RunningServer
    model: str

    @property
    def runtime(self) -> Any:
        """A boto3 client."""
        return self.server.client("bedrock-runtime")

    def invoke(self, **body: Any) -> Any:
        """A whole reply, greedy unless told otherwise."""
        reply = self.runtime.invoke_model(modelId=self.model, body=json.dumps({"temperature": 0, **body}))
        return json.loads(reply["body"].read())

    def chunks(self, **body: Any) -> list[Any]:
        """The same in pieces."""
        content = json.dumps({"temperature": 0, **body})
        events = self.runtime.invoke_model_with_response_stream(modelId=self.model, body=content)["body"]
        return [json.loads(event["chunk"]["bytes"]) for event in events]

    def converse(self, text: str, *, max_tokens: int = 80, **members: Any) -> tuple[Any, list[Any]]:
        """What Converse answers, and the events of ConverseStream."""
        asked = {
            "modelId": self.model,
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": max_tokens, "temperature": 0, **members.pop("inferenceConfig", {})},
            **members,
        }
        return self.runtime.converse(**asked), list(self.runtime.converse_stream(**asked)["stream"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server, and one start of the engine, for all tests but the last."""
    folder = tmp_path_factory.mktemp("vllm")
    model = shutil.copytree(EXAMPLE / "model", folder / "buckets" / "models" / "good")
    template = model / "chat_template.jinja"
    template.write_text(TELLS_OF_TOOLS + template.read_text())
    flags = ("--engine", "vllm", "--engine-command", VLLM or "", "--engine-options", OPTIONS, "--hold-s", "300")
    with running_server(
        folder / "data", "--buckets", str(folder / "buckets"), *flags, environment=ENVIRONMENT
    ) as server:
        ended = server.ended(server.create_import("m", "s3://models/good/"))
        assert ended["status"] == "Completed", ended.get("failureMessage")
        yield Served(server=server, model=ended["importedModelArn"])


def text_of(events: list[Any]) -> str:
    """The text that the events of a conversation add up to."""
    return "".join(
        event["contentBlockDelta"]["delta"].get("text", "") for event in events if "contentBlockDelta" in event
    )


def test_chats_are_answered_word_for_word(served: Served, questions: list[dict[str, str]]) -> None:
    """Whole, with log probabilities, which transformers' server does not have; and streamed."""
    for asked in questions[:4]:
        body = {"messages": [{"role": "user", "content": asked["question"]}], "max_tokens": 80}
        (choice,) = served.invoke(**body, logprobs=True, top_logprobs=2)["choices"]
        chunks = served.chunks(**body)

        assert (choice["message"]["content"], choice["finish_reason"]) == (asked["answer"], "stop")
        assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in choice["logprobs"]["content"])
        assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == asked["answer"]
        assert len(chunks) > 3
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 3


def test_prompts_are_answered_in_both_schemas(served: Served) -> None:
    """The same text, and true counts, whole and streamed."""
    prompt = "Q: What is a sill?\nA:"
    own, completion = served.invoke(prompt=prompt, max_gen_len=6), served.invoke(prompt=prompt, max_tokens=6)

    assert own["generation"] == completion["choices"][0]["text"]
    assert (own["generation_token_count"], own["stop_reason"]) == (6, "length")
    assert own["prompt_token_count"] == completion["usage"]["prompt_tokens"]
    assert "".join(chunk["generation"] for chunk in served.chunks(prompt=prompt, max_gen_len=6)) == own["generation"]
    pieces = served.chunks(prompt=prompt, max_tokens=6)
    assert "".join(chunk["choices"][0]["text"] for chunk in pieces) == own["generation"]
    assert pieces[-1]["usage"] == completion["usage"]


def test_what_only_this_engine_has_is_passed_through(served: Served) -> None:
    """Log probabilities by token id, of the prompt, several choices, echo, biases, seeds and stop strings."""
    prompt = "Q: What is a sill?\nA:"
    by_id = served.invoke(prompt=prompt, max_gen_len=4, return_logprobs=True)["logprobs"]
    several = served.invoke(prompt=prompt, max_tokens=4, n=2, seed=5.0, temperature=1)["choices"]
    whole = served.invoke(prompt=prompt, max_tokens=8)["choices"][0]["text"]
    stopped = served.invoke(prompt=prompt, max_tokens=8, stop=whole[4:6])["choices"][0]
    banned = served.invoke(prompt=prompt, max_tokens=1, logit_bias={next(iter(by_id[0])): -100})["choices"][0]["text"]

    assert len(by_id) == 4
    assert all(len(token) == 1 and math.isfinite(*token.values()) for token in by_id)
    assert [choice["index"] for choice in several] == [0, 1]
    assert served.invoke(prompt=prompt, max_tokens=1, echo=True)["choices"][0]["text"].startswith(prompt)
    assert served.invoke(prompt=prompt, max_tokens=1, prompt_logprobs=1)["choices"][0]["prompt_logprobs"]
    assert (stopped["text"], stopped["finish_reason"]) == (whole.partition(whole[4:6])[0], "stop")
    assert not whole.startswith(banned)


def test_outputs_are_constrained(served: Served) -> None:
    """`response_format` in all its forms, `structured_outputs`, and Converse's `outputConfig`."""
    schema = {**TOOL_SCHEMA, "additionalProperties": False}
    chat = {"messages": [{"role": "user", "content": "How hard?"}], "max_tokens": 60}
    wrapped = {"type": "json_schema", "json_schema": {"name": "hardness", "schema": schema}}
    bare = {"type": "json_schema", "json_schema": schema}
    structure = {"jsonSchema": {"name": "hardness", "schema": json.dumps(schema)}}

    replies = [
        served.invoke(**chat, response_format=wrapped)["choices"][0]["message"]["content"],
        served.invoke(prompt="How hard?", max_gen_len=60, response_format=bare)["generation"],
        served.invoke(**chat, structured_outputs={"json": schema})["choices"][0]["message"]["content"],
        served.converse("How hard?", outputConfig={"textFormat": {"type": "json_schema", "structure": structure}})[0][
            "output"
        ]["message"]["content"][0]["text"],
    ]

    assert all(isinstance(json.loads(reply)["hard"], bool) for reply in replies), replies
    chosen = served.invoke(**chat, structured_outputs={"choice": ["hard", "soft"]})
    assert chosen["choices"][0]["message"]["content"] in ("hard", "soft")
    assert served.invoke(prompt="x", max_tokens=9, structured_outputs={"regex": "[0-9]{3}"})["choices"][0][
        "text"
    ].isdigit()


def test_conversations_are_answered(served: Served, questions: list[dict[str, str]]) -> None:
    """Converse and ConverseStream, with a stop sequence that is told."""
    answer = questions[0]["answer"]
    stop = answer[8:12]
    whole, events = served.converse(questions[0]["question"])
    stopped, stream = served.converse(
        questions[0]["question"],
        inferenceConfig={"stopSequences": [stop]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
    )

    assert whole["output"]["message"]["content"] == [{"text": answer}]
    assert (text_of(events), whole["stopReason"]) == (answer, "end_turn")
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert (stopped["stopReason"], stopped["additionalModelResponseFields"]) == (
        "stop_sequence",
        {"stop_sequence": stop},
    )
    assert text_of(stream) == answer.partition(stop)[0]


@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "scratch"}}])
def test_tools_are_called(served: Served, choice: dict[str, Any]) -> None:
    """Where the caller says that one must be, vLLM lets the model say nothing else."""
    whole, events = served.converse("How hard?", toolConfig={"tools": [TOOL], "toolChoice": choice})
    (block,) = [block for block in whole["output"]["message"]["content"] if "toolUse" in block]
    starts = [event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]

    assert block["toolUse"]["name"] == "scratch"
    assert isinstance(block["toolUse"]["input"]["hard"], bool)
    assert whole["stopReason"] == "tool_use"
    assert [start["name"] for start in starts] == ["scratch"]
    assert json.loads("".join(delta["toolUse"]["input"] for delta in deltas)) == block["toolUse"]["input"]


def test_what_is_refused_names_the_member(served: Served) -> None:
    """A prompt beyond the context never reaches the engine."""
    with pytest.raises(ClientError, match="Input is too long for requested model"):
        served.invoke(prompt="sill " * 2000, max_tokens=4)
    with pytest.raises(ClientError, match=r"suffix: the engine \(vllm serve\) does not support suffixes"):
        served.invoke(prompt="x", suffix="y", max_tokens=4)


def test_a_second_start_finds_what_the_first_compiled(served: Served) -> None:
    """An engine that is killed in a stream ends it as modelled, and its successor compiles nothing anew."""
    root = served.server.data / "engine-caches"
    compiled = {path: path.stat().st_mtime_ns for path in root.rglob("*.so")}
    engines = engines_of(served.server.process.pid)
    # Sixty-four choices, none of which may end by itself: some seconds' work.
    endless = {"prompt": "Q:", "max_tokens": 480, "n": 64, "temperature": 2, "logit_bias": {"2": -100}}
    stream = iter(
        served.runtime.invoke_model_with_response_stream(modelId=served.model, body=json.dumps(endless))["body"]
    )
    next(stream)
    for pid in engines:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        list(stream)

    assert served.invoke(prompt="Q: What is a sill?\nA:", max_tokens=2)["choices"]
    assert compiled
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.so")} == compiled
    opened = [line for line in served.server.log().splitlines() if "engine_cache_opened" in line]
    assert ["is_warm=True" in line for line in opened] == [False, True], opened


def test_nothing_of_the_weights_is_kept(served: Served) -> None:
    """What is compiled holds code, not numbers: no row of the model is in any file that an engine left on the disk."""
    data = (EXAMPLE / "model" / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    rows = [data[at : at + 64] for at in range(begin + 4096, len(data) - 64, 200_000)]
    # vLLM computes in float32 here, so the weights would lie there in that form.
    wide = [b"".join(b"\0\0" + row[at : at + 2] for at in range(0, len(row), 2)) for row in rows]

    for path in served.server.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not [row for row in (*rows, *wide) if row in content], path
