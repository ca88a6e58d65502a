"""Converse, ConverseStream and CountTokens through boto3, on the example model and a real engine."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.servers import EXAMPLE, RunningServer, running_server

pytestmark = [pytest.mark.engine]

GREEDY = {"maxTokens": 80, "temperature": 0}


def user(text: str) -> dict[str, Any]:
    """A turn of the user."""
    return {"role": "user", "content": [{"text": text}]}


def assistant(text: str) -> dict[str, Any]:
    """A turn of the model."""
    return {"role": "assistant", "content": [{"text": text}]}


def converse(server: RunningServer, model: str, *messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Calls Converse, greedily."""
    members = {"inferenceConfig": GREEDY, **members}
    answered: dict[str, Any] = server.client("bedrock-runtime").converse(modelId=model, messages=messages, **members)
    return answered


def streamed(server: RunningServer, model: str, *messages: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    """Calls ConverseStream, greedily; returns its events."""
    members = {"inferenceConfig": GREEDY, **members}
    answered = server.client("bedrock-runtime").converse_stream(modelId=model, messages=messages, **members)
    return list(answered["stream"])


def refused(call: Any, *arguments: Any, **members: Any) -> str:
    """Makes a call that is refused as invalid; returns why."""
    with pytest.raises(ClientError) as raised:
        call(*arguments, **members)
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    return str(raised.value.response["Error"]["Message"])


def test_it_answers_a_question(server: RunningServer, guide: str, questions: list[dict[str, str]]) -> None:
    """With everything that a reply of Converse has (SPEC 3.4.6)."""
    answered = converse(server, guide, user(questions[0]["question"]))

    assert answered["output"]["message"] == assistant(questions[0]["answer"])
    assert answered["stopReason"] == "end_turn"
    usage = answered["usage"]
    assert usage["inputTokens"] > 0
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert answered["metrics"]["latencyMs"] > 0


def test_it_takes_a_system_prompt_and_earlier_turns(
    server: RunningServer, guide: str, questions: list[dict[str, str]]
) -> None:
    """They are part of the prompt, and the last question is answered."""
    first, second = questions[:2]
    turns = [user(first["question"]), assistant(first["answer"]), user(second["question"])]

    alone = converse(server, guide, turns[-1])
    answered = converse(server, guide, *turns, system=[{"text": "You are a field guide."}])

    assert answered["output"]["message"] == assistant(second["answer"])
    assert answered["usage"]["inputTokens"] > alone["usage"]["inputTokens"]


def test_limits_and_stop_sequences_say_why_it_stopped(
    server: RunningServer, guide: str, questions: list[dict[str, str]]
) -> None:
    """`max_tokens` and `stop_sequence`; the sequence is told where it is asked for."""
    question, answer = user(questions[0]["question"]), questions[0]["answer"]
    stop = answer[8:12]

    short = converse(server, guide, question, inferenceConfig={"maxTokens": 3, "temperature": 0})
    stopped = converse(
        server,
        guide,
        question,
        inferenceConfig={**GREEDY, "stopSequences": [stop]},
        additionalModelResponseFieldPaths=["/stop_sequence", "/nothing"],
    )

    assert (short["stopReason"], short["usage"]["outputTokens"]) == ("max_tokens", 3)
    assert stopped["stopReason"] == "stop_sequence"
    assert stopped["output"]["message"] == assistant(answer.partition(stop)[0])
    assert stopped["additionalModelResponseFields"] == {"stop_sequence": stop}


def test_the_stream_adds_up_to_the_whole(server: RunningServer, guide: str, questions: list[dict[str, str]]) -> None:
    """In the order of SPEC 3.5.2, with the counts and the time at the end."""
    question = user(questions[0]["question"])

    events = streamed(server, guide, question)

    whole = converse(server, guide, question)
    kinds = [next(iter(event)) for event in events]
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert kinds[0] == "messageStart"
    assert kinds[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert set(kinds[1:-3]) == {"contentBlockDelta"}
    assert len(deltas) > 5
    assert {delta["contentBlockIndex"] for delta in deltas} == {0}
    assert "".join(delta["delta"]["text"] for delta in deltas) == whole["output"]["message"]["content"][0]["text"]
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_what_cannot_be_had_is_refused_by_name(server: RunningServer, guide: str) -> None:
    """Never dropped in silence; the engine or the model that lacks it is named."""
    tool = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
    image = {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}
    schema = {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}", "name": "x"}}}

    def refusal(*messages: dict[str, Any], **members: Any) -> str:
        whole = refused(converse, server, guide, *(messages or [user("hello")]), **members)
        assert refused(streamed, server, guide, *(messages or [user("hello")]), **members) == whole
        return whole

    assert "does not tell it of tools" in refusal(toolConfig={"tools": [tool]})
    seen = refusal({"role": "user", "content": [{"text": "what?"}, image]})
    # Without Pillow it is the engine that cannot; with it, this model has no eyes.
    assert seen in (
        "messages[0].content[1].image: the engine (transformers serve) does not support images",
        "messages[0].content[1].image: this model takes no images",
    )
    assert "outputConfig.textFormat" in refusal(outputConfig={"textFormat": schema})
    assert "cachePoint" in refusal(system=[{"text": "x"}, {"cachePoint": {"type": "default"}}])
    assert "additionalModelRequestFields.thinking" in refusal(additionalModelRequestFields={"thinking": {}})
    assert "guardrailConfig" in refusal(guardrailConfig={"guardrailIdentifier": "a", "guardrailVersion": "1"})
    assert "start with a user message" in refusal(assistant("hi"))
    assert "alternate" in refusal(user("a"), user("b"))
    assert "last turn" in refusal(user("a"), assistant("b"))


def test_a_template_that_refuses_a_conversation_is_quoted(server: RunningServer, buckets: Path) -> None:
    """Many take no system prompt; the engine would answer that with a status of 500 and no reason."""
    folder = shutil.copytree(EXAMPLE / "model", buckets / "models" / "no-system")
    template = folder / "chat_template.jinja"
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    template.write_text(refusing + template.read_text())
    job = server.ended(server.create_import("no-system", "s3://models/no-system/"))
    model = job["importedModelArn"]

    told = refused(converse, server, model, user("hello"), system=[{"text": "Be brief."}])
    streamed_told = refused(streamed, server, model, user("hello"), system=[{"text": "Be brief."}])

    assert told == streamed_told
    assert told == "messages: the chat template of this model refuses them: System role not supported"
    assert converse(server, model, user("hello"))["usage"]["outputTokens"] > 0


def test_additional_fields_reach_the_engine(server: RunningServer, guide: str) -> None:
    """Each seed has its text, the same every time; with `top_k` 1 the seed makes no difference."""

    def texts(**fields: Any) -> list[str]:
        answers = [
            converse(
                server,
                guide,
                user("zzz qqq 77 ##"),
                inferenceConfig={"maxTokens": 12, "temperature": 1},
                additionalModelRequestFields={"seed": seed, **fields},
            )
            for seed in range(5)
        ]
        return [answer["output"]["message"]["content"][0]["text"] for answer in answers]

    sampled, again, likeliest = texts(), texts(), texts(top_k=1)

    assert sampled == again
    assert len(set(sampled)) > 1
    assert len(set(likeliest)) == 1


def test_tokens_are_counted_as_the_engine_counts_them(server: RunningServer, guide: str) -> None:
    """Of every kind of request."""
    runtime = server.client("bedrock-runtime")
    messages, system = [user("What is a sill?"), assistant("A sheet."), user("And a dike?")], [{"text": "Be brief."}]
    body = json.dumps({"prompt": "Q: What is a sill?\nA:", "max_tokens": 1})

    conversation = runtime.count_tokens(modelId=guide, input={"converse": {"messages": messages, "system": system}})
    prompt = runtime.count_tokens(modelId=guide, input={"invokeModel": {"body": body}})

    answered = converse(server, guide, *messages, system=system)
    invoked = json.loads(runtime.invoke_model(modelId=guide, body=body)["body"].read())
    assert conversation["inputTokens"] == answered["usage"]["inputTokens"]
    assert prompt["inputTokens"] == invoked["usage"]["prompt_tokens"]


def test_a_prompt_beyond_the_context_is_refused_before_the_engine_is_asked(server: RunningServer, guide: str) -> None:
    """The engine would never answer; what fits is answered with what room is left."""
    runtime = server.client("bedrock-runtime")
    long = "What is a sill? " * 1000

    conversation = refused(converse, server, guide, user(long))
    prompt = refused(runtime.invoke_model, modelId=guide, body=json.dumps({"prompt": long}))
    stream = refused(
        runtime.invoke_model_with_response_stream, modelId=guide, body=json.dumps({"prompt": long, "max_tokens": 5})
    )
    fits = converse(server, guide, user("sill " * 400), inferenceConfig={"maxTokens": 1000, "temperature": 0})

    assert {told[:41] for told in (conversation, prompt, stream)} == {"Input is too long for requested model. It"}
    assert fits["usage"]["totalTokens"] <= 1024


def test_a_cold_model_s_tokens_are_counted_without_an_engine(tmp_path: Any) -> None:
    """A server that was just started has no copy of any model, and gets none."""
    data = tmp_path / "data"
    flags = ("--buckets", str(tmp_path / "buckets"))
    (tmp_path / "buckets").mkdir()
    (tmp_path / "buckets" / "models").symlink_to(EXAMPLE)
    with running_server(data, *flags) as first:
        job = first.ended(first.create_import("cold", "s3://models/model/"))
        assert job["status"] == "Completed"

    with running_server(data, *flags, "--engine-command", str(tmp_path / "no-such-engine")) as second:
        counted = second.client("bedrock-runtime").count_tokens(
            modelId=job["importedModelArn"], input={"converse": {"messages": [user("What is a sill?")]}}
        )

    assert counted["inputTokens"] > 3
