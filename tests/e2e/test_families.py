"""The example's own weights as models of other families: the same answers, word for word.

A Llama is a Mistral without a window, and a Qwen2 whose biases are zero.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, RunningServer

pytestmark = [pytest.mark.engine]


def as_mistral(folder: Path) -> None:
    """The example under another name."""
    config = json.loads((EXAMPLE / "model" / "config.json").read_text())
    for member in ("attention_bias", "mlp_bias", "pretraining_tp", "rope_scaling"):
        del config[member]
    shutil.copytree(EXAMPLE / "model", folder)
    changed = {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": None}
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


def as_qwen2(folder: Path) -> None:
    """The example with biases of zero, and its own chat template, which is not Qwen's."""
    config = json.loads((EXAMPLE / "model" / "config.json").read_text())
    for member in ("attention_bias", "mlp_bias", "pretraining_tp", "rope_scaling"):
        del config[member]
    shutil.copytree(EXAMPLE / "model", folder)
    changed = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_sliding_window": False}
    (folder / "config.json").write_text(json.dumps({**config, **changed}))
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header, content = json.loads(data[8:begin]), data[begin:]
    rows = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"], "v": config["num_key_value_heads"]}
    for layer in range(config["num_hidden_layers"]):
        for part, heads in rows.items():
            size = heads * config["head_dim"]
            place = [len(content), len(content) + 2 * size]
            header[f"model.layers.{layer}.self_attn.{part}_proj.bias"] = {
                "dtype": "BF16",
                "shape": [size],
                "data_offsets": place,
            }
            content += bytes(2 * size)
    encoded = json.dumps(header).encode()
    weights.write_bytes(len(encoded).to_bytes(8, "little") + encoded + content)


@pytest.mark.parametrize(("make", "architecture"), [(as_mistral, "mistral"), (as_qwen2, "qwen2")])
def test_a_model_of_another_family_answers_the_same(
    server: RunningServer,
    buckets: Path,
    questions: list[dict[str, str]],
    make: Callable[[Path], None],
    architecture: str,
) -> None:
    """In chats, whole and streamed, and in Converse: nothing but the answer."""
    make(buckets / "models" / architecture)
    job = server.ended(server.create_import(architecture, f"s3://models/{architecture}/"))
    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    model, runtime = job["importedModelArn"], server.client("bedrock-runtime")
    described = server.client("bedrock").get_imported_model(modelIdentifier=model)

    assert (described["modelArchitecture"], described["instructSupported"]) == (architecture, True)
    for asked in questions[:3]:
        body = {"messages": [{"role": "user", "content": asked["question"]}], "max_tokens": 80, "temperature": 0}
        reply = runtime.invoke_model(modelId=model, body=json.dumps(body))
        choice = json.loads(reply["body"].read())["choices"][0]
        stream = runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
        chunks = [json.loads(event["chunk"]["bytes"])["choices"][0]["delta"] for event in stream]
        answered = runtime.converse(
            modelId=model,
            messages=[{"role": "user", "content": [{"text": asked["question"]}]}],
            inferenceConfig={"maxTokens": 80, "temperature": 0},
        )

        assert (choice["message"]["content"], choice["finish_reason"]) == (asked["answer"], "stop")
        assert "".join(chunk.get("content") or "" for chunk in chunks) == asked["answer"]
        assert answered["output"]["message"]["content"] == [{"text": asked["answer"]}]
