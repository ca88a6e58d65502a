"""Makes transformers-4.51.3.json: what the version that AWS expects (SPEC 4.2.9) writes for tiny models of each family.

Run by hand, with that version in front of the project's own (they cannot be installed together):

    pip install --target /tmp/tf4 --no-deps transformers==4.51.3 tokenizers==0.21.4 huggingface-hub==0.36.0 \
        requests charset_normalizer urllib3 idna certifi
    PYTHONPATH=/tmp/tf4 .venv/bin/python tests/unit/artifact/golden/make_transformers_4_51_3.py

Of each model the file holds config.json, the tensors with their shapes, and the shards' index. Its GPT-OSS came later.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers

TEXT: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
SHARDED = {"max_shard_size": "20KB"}
TIED = {"tie_word_embeddings": True}
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
MOE = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
T5 = {"vocab_size": 40, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "eos_token_id": 1}
BIGCODE = {"vocab_size": 40, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, **ENDS}
LLAMA3 = {
    "rope_theta": 500000.0,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}
QWEN_VISION = {"depth": 1, "num_heads": 2, "in_channels": 3, "patch_size": 4, "spatial_merge_size": 2}
QWEN2_VISION = {**QWEN_VISION, "embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2}
QWEN25_VISION = {**QWEN_VISION, "hidden_size": 16, "intermediate_size": 24, "out_hidden_size": 32}
MLLAMA_VISION = {
    "hidden_size": 16,
    "attention_heads": 2,
    "num_hidden_layers": 2,
    "num_global_layers": 1,
    "intermediate_size": 24,
    "vision_output_dim": 32,
    "image_size": 16,
    "patch_size": 4,
    "max_num_tiles": 2,
    "intermediate_layers_indices": [0],
    "supported_aspect_ratios": [[1, 1], [1, 2]],
}
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "Llama 3.1": ("Llama", {**TEXT, **LLAMA3}, {}),
    "Llama 3.2, tied and sharded": ("Llama", {**TEXT, **LLAMA3, **TIED, "head_dim": 16}, SHARDED),
    "Llama with biases": ("Llama", {**TEXT, "attention_bias": True, "mlp_bias": True}, {}),
    "Mistral": ("Mistral", {**TEXT, "head_dim": 16, "sliding_window": 8}, {}),
    "Mixtral": ("Mixtral", {**TEXT, "num_local_experts": 3}, SHARDED),
    "Qwen2, tied": ("Qwen2", {**TEXT, **TIED}, {}),
    "Qwen2.5": ("Qwen2", TEXT, SHARDED),
    "Qwen3": ("Qwen3", {**TEXT, "head_dim": 16}, {}),
    "Qwen3, tied": ("Qwen3", {**TEXT, **TIED, "head_dim": 16, "attention_bias": True}, {}),
    "Qwen3-MoE": ("Qwen3Moe", {**TEXT, **MOE, "head_dim": 16}, SHARDED),
    "Qwen3-MoE with a dense layer": ("Qwen3Moe", {**TEXT, **MOE, "mlp_only_layers": [1]}, {}),
    "GPTBigCode": ("GPTBigCode", BIGCODE, {}),
    "GPTBigCode with a key for each head": (
        "GPTBigCode",
        {**BIGCODE, "multi_query": False},
        SHARDED,
    ),
    "T5": ("T5", T5, {}),
    "Flan-T5": (
        "T5",
        {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        SHARDED,
    ),
    "Mllama": (
        "Mllama",
        {"text_config": {**TEXT, **LLAMA3, "cross_attention_layers": [1]}, "vision_config": MLLAMA_VISION},
        SHARDED,
    ),
    "Qwen2-VL": ("Qwen2VL", {**TEXT, "vision_config": QWEN2_VISION}, {}),
    "Qwen2-VL, tied and sharded": (
        "Qwen2VL",
        {**TEXT, **TIED, "vision_config": QWEN2_VISION},
        SHARDED,
    ),
    "Qwen2.5-VL": ("Qwen2_5_VL", {**TEXT, "vision_config": QWEN25_VISION}, {}),
    "Qwen2.5-VL, tied and sharded": (
        "Qwen2_5_VL",
        {**TEXT, **TIED, "vision_config": QWEN25_VISION},
        SHARDED,
    ),
}
CONDITIONAL = ("T5", "Mllama", "Qwen2VL", "Qwen2_5_VL")


def saved(name: str, config: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Lets transformers make the model and save it; returns what it wrote."""
    architecture = f"{name}{'ForConditionalGeneration' if name in CONDITIONAL else 'ForCausalLM'}"
    model = getattr(transformers, architecture)(getattr(transformers, f"{name}Config")(**config)).to(torch.bfloat16)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, **options)
        shards = {}
        for path in sorted(Path(folder).glob("*.safetensors")):
            data = path.read_bytes()
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            header.pop("__metadata__", None)
            shards[path.name] = {tensor: [entry["dtype"], entry["shape"]] for tensor, entry in header.items()}
        index = Path(folder, "model.safetensors.index.json")
        return {
            "config": json.loads(Path(folder, "config.json").read_text()),
            "index": json.loads(index.read_text()) if index.exists() else None,
            "shards": shards,
        }


if __name__ == "__main__":
    if transformers.__version__ != "4.51.3":
        raise SystemExit(f"this is transformers {transformers.__version__}")
    torch.manual_seed(0)
    made = {title: saved(*model) for title, model in MODELS.items()}
    Path(__file__).with_name("transformers-4.51.3.json").write_text(json.dumps(made, indent=1) + "\n")
