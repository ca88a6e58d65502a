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


def saved_t5(folder: Path) -> None:
    """A tiny Flan-T5 with random weights that are large enough to say something, and the example's tokenizer."""
    import torch
    import transformers

    torch.manual_seed(3)
    config = transformers.T5Config(
        vocab_size=1024,
        d_model=64,
        d_kv=16,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=2,
        pad_token_id=2,
        eos_token_id=1,
        initializer_factor=5.0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(EXAMPLE / "model" / name, folder / name)


def test_an_encoder_decoder_is_imported_and_answers(server: RunningServer, buckets: Path) -> None:
    """AWS imports Flan-T5; so does the default engine, whose whole answers would lack the prompt's length."""
    saved_t5(buckets / "models" / "t5")

    job = server.ended(server.create_import("t5", "s3://models/t5/"))

    assert job["status"] == "Completed", job["failureMessage"]
    prompt = "What is granite? " * 10
    reply = server.client("bedrock-runtime").invoke_model(
        modelId=job["importedModelArn"], body=json.dumps({"prompt": prompt, "max_tokens": 8, "temperature": 0})
    )
    answer = json.loads(reply["body"].read())
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["choices"][0]["text"]
