"""Architectures that AWS does not import, and the installed engine runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, RunningServer

pytestmark = [pytest.mark.engine, pytest.mark.oracle]


def saved_phi3(folder: Path) -> None:
    """A tiny Phi-3 with random weights, as transformers writes it, and the example's tokenizer."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.Phi3Config(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    transformers.Phi3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(EXAMPLE / "model" / name, folder / name)


def test_a_phi3_is_imported_and_answers(server: RunningServer, buckets: Path) -> None:
    """Accepted with a note, proven, and invoked like any other."""
    saved_phi3(buckets / "models" / "phi3")

    job = server.ended(server.create_import("phi3", "s3://models/phi3/"))

    assert job["status"] == "Completed", job["failureMessage"]
    model = server.client("bedrock").get_imported_model(modelIdentifier="phi3")
    assert (model["modelArchitecture"], model["instructSupported"]) == ("phi3", True)
    reply = server.client("bedrock-runtime").invoke_model(
        modelId=model["modelArn"], body=json.dumps({"prompt": "Hello", "max_tokens": 4})
    )
    assert json.loads(reply["body"].read())["usage"]["completion_tokens"] > 0
