"""The families' tables, held against what transformers really writes: tensor for tensor, and mutation for mutation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.artifact.models import Model, framed, healthy, ids, snapshot_of, tokenizer

from outcrop.artifact.architectures import BY_ARCHITECTURE, FAMILIES
from outcrop.artifact.examine import examine
from outcrop.artifact.fields import Fields
from outcrop.artifact.snapshot import ModelSnapshot

pytestmark = pytest.mark.oracle

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
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
BIGCODE = {"vocab_size": 40, "n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 64, **ENDS}
T5 = {"vocab_size": 40, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "eos_token_id": 1}
MOE = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
QWEN_VISION = {"depth": 1, "num_heads": 2, "in_channels": 3, "patch_size": 4, "spatial_merge_size": 2}
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
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


@dataclass(frozen=True)
class Variant:
    """A model that transformers is asked to make: class and config by their names, and how it is saved."""

    name: str
    config: Mapping[str, Any]
    saved: Mapping[str, Any]


def variant(name: str, config: Mapping[str, Any], identifier: str, **saved: Any) -> Any:
    """A case; its id says what is special about it."""
    return pytest.param(Variant(name, config, saved), id=f"{name}-{identifier}")


VARIANTS = [
    variant("Llama", TEXT, "gqa"),
    variant("Llama", {**TEXT, "num_key_value_heads": 4}, "sharded", max_shard_size="20KB"),
    variant("Llama", {**TEXT, "tie_word_embeddings": True}, "tied"),
    variant("Llama", {**TEXT, "attention_bias": True, "mlp_bias": True}, "biases"),
    variant("Llama", {**TEXT, "head_dim": 16, "rope_parameters": LLAMA3_ROPE}, "head size and scaling"),
    variant("Mistral", {**TEXT, "head_dim": 16, "sliding_window": 8}, "head size"),
    variant("Mistral", TEXT, "sharded", max_shard_size="20KB"),
    variant("Mixtral", {**TEXT, "num_local_experts": 3}, "three experts"),
    variant("Mixtral", {**TEXT, "num_local_experts": 3}, "joined", save_original_format=False),
    variant("Qwen2", TEXT, "untied"),
    variant("Qwen2", {**TEXT, "tie_word_embeddings": True}, "tied and sharded", max_shard_size="20KB"),
    variant("Qwen3", {**TEXT, "head_dim": 16}, "head size"),
    variant("Qwen3", {**TEXT, "head_dim": 8, "attention_bias": True, "tie_word_embeddings": True}, "biases, tied"),
    variant("Qwen3Moe", {**TEXT, **MOE, "head_dim": 16, "mlp_only_layers": [1]}, "one dense layer"),
    variant("Qwen3Moe", {**TEXT, **MOE, "decoder_sparse_step": 2}, "every second", max_shard_size="20KB"),
    variant("Qwen3Moe", {**TEXT, **MOE, "attention_bias": True}, "joined", save_original_format=False),
    variant("GPTBigCode", BIGCODE, "one key for all"),
    variant("GPTBigCode", {**BIGCODE, "multi_query": False, "n_inner": 40}, "a key each"),
    variant("GPTBigCode", {**BIGCODE, "tie_word_embeddings": False}, "untied"),
    variant("T5", T5, "relu"),
    variant("T5", {**T5, "feed_forward_proj": "gated-gelu", "num_decoder_layers": 3}, "flan", max_shard_size="20KB"),
    variant("GptOss", {**TEXT, "head_dim": 16, "num_local_experts": 3}, "16 bits"),
    variant(
        "Mllama",
        {"text_config": {**TEXT, "cross_attention_layers": [1]}, "vision_config": MLLAMA_VISION},
        "original names",
    ),
    variant(
        "Mllama",
        {"text_config": {**TEXT, "cross_attention_layers": [0]}, "vision_config": MLLAMA_VISION},
        "newer names",
        save_original_format=False,
    ),
    variant(
        "Qwen2VL",
        {"text_config": TEXT, "vision_config": {**QWEN_VISION, "embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2}},
        "original names",
    ),
    variant(
        "Qwen2VL",
        {"text_config": TEXT, "vision_config": {**QWEN_VISION, "embed_dim": 16, "hidden_size": 32}},
        "newer names",
        save_original_format=False,
    ),
    variant(
        "Qwen2_5_VL",
        {
            "text_config": TEXT,
            "vision_config": {**QWEN_VISION, "hidden_size": 16, "intermediate_size": 24, "out_hidden_size": 32},
            "tie_word_embeddings": True,
        },
        "tied",
    ),
]

CLASSES = {
    "T5": "T5ForConditionalGeneration",
    "Mllama": "MllamaForConditionalGeneration",
    "Qwen2VL": "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VL": "Qwen2_5_VLForConditionalGeneration",
}

FORMS = {
    "config.rope_parameters",
    "config.dtype_name",
    "config.num_local_experts",
    "config.nested_text_config",
    "index.extra_metadata",
    "tensor.other_layout",
    "generation.gpt_oss_ends",
}
"""What transformers 5 writes differently from the version that AWS expects; none of it stops an import here."""


def saved(case: Variant, folder: Path) -> Model:
    """Lets transformers make the model with random weights, and returns the files that it writes."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = getattr(transformers, f"{case.name}Config")(**json.loads(json.dumps(case.config)))
    architecture = CLASSES.get(case.name, f"{case.name}ForCausalLM")
    model = getattr(transformers, architecture)(config).to(torch.bfloat16)
    model.save_pretrained(folder, **case.saved)
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    return healthy().without("config.json", "model.safetensors").having({**written, "tokenizer.json": tokenizer(40)})


@pytest.fixture(params=VARIANTS, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model of each variant, made once."""
    return saved(request.param, tmp_path_factory.mktemp("model"))


def mutated(model: Model, change: Any) -> ModelSnapshot:
    """The model with its tensors changed: in one file that holds them all, since the index has rules of its own."""
    entries: dict[str, Any] = {}
    end = 0
    for data in (data for path, data in sorted(model.files.items()) if path.endswith(".safetensors")):
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        for name, entry in header.items():
            if name != "__metadata__":
                entries[name] = (entry["dtype"], entry["shape"])
    change(entries)
    header = {}
    for name, (dtype, shape) in entries.items():
        length = 2
        for dimension in shape:
            length *= dimension
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    # Without its template, too: rendering it hundreds of times would only take time.
    files = {
        path: data for path, data in model.files.items() if path.endswith("config.json") or path == "tokenizer.json"
    }
    files["model.safetensors"] = framed(header, 0)
    return snapshot_of(files, {"model.safetensors": len(files["model.safetensors"]) + end})


def names_of(model: Model) -> list[str]:
    """The model's tensors that its table requires, every one of which the mutations go through."""
    names: list[str] = []
    mutated(model, names.extend)
    config = json.loads(model.files["config.json"])
    family = BY_ARCHITECTURE[config["architectures"][0]]
    tables = (family.table, *(other.table for other in family.variants))
    required = {tensor.name for table in tables for tensor in table(Fields(config)) if tensor.is_required}
    return [name for name in names if name in required]


def test_what_transformers_writes_is_what_the_table_says(model: Model) -> None:
    """No tensor is missing, unexpected or misshapen; all that is told are the forms of transformers 5."""
    report = model.examined()

    assert ids(report) <= FORMS
    assert report.is_importable("outcrop")


def test_parameters_are_counted_exactly(model: Model) -> None:
    """As many as all the tensors hold that were written."""
    total = 0

    def count(entries: dict[str, Any]) -> None:
        nonlocal total
        for _, shape in entries.values():
            values = 1
            for dimension in shape:
                values *= dimension
            total += values

    mutated(model, count)

    facts = model.examined().facts
    assert facts is not None
    assert facts.parameters == total


def test_every_missing_tensor_is_named(model: Model) -> None:
    """One at a time, all of them."""
    for name in names_of(model):
        report = examine(mutated(model, lambda entries, name=name: entries.pop(name)))

        (found,) = [found for found in report.findings if found.id == "tensor.missing"]
        assert f'"{name}"' in found.message
        assert not report.is_importable("outcrop")


def test_every_misshapen_tensor_is_named(model: Model) -> None:
    """One at a time, all of them: one row too many."""

    def widen(entries: dict[str, Any], name: str) -> None:
        dtype, shape = entries[name]
        entries[name] = (dtype, [shape[0] + 1, *shape[1:]])

    for name in names_of(model):
        report = examine(mutated(model, lambda entries, name=name: widen(entries, name)))

        (found,) = [found for found in report.findings if found.id == "tensor.misshapen"]
        assert f'"{name}"' in found.message
        assert not report.is_importable("outcrop")


def test_every_unexpected_tensor_is_named(model: Model) -> None:
    """A copy of each tensor under a name beside it."""
    for name in names_of(model):
        extra = f"{name}_copy"
        report = examine(mutated(model, lambda entries, name=name, extra=extra: entries.update({extra: entries[name]})))

        (found,) = [found for found in report.findings if found.id in ("tensor.unexpected", "tensor.unknown_part")]
        assert f'"{extra}"' in found.message
        assert not report.is_importable("bedrock")


def test_every_family_is_among_the_variants() -> None:
    """A family without an oracle would be a guess."""
    made = {CLASSES.get(case.values[0].name, f"{case.values[0].name}ForCausalLM") for case in VARIANTS}

    assert made == {name for family in FAMILIES for name in family.architectures}
