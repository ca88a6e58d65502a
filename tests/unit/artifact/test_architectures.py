"""The families' tables, held against what transformers really writes: tensor for tensor, and mutation for mutation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import pytest
from tests.unit.artifact.models import Model, healthy, ids, tokenizer
from tests.unit.artifact.mutations import joined, mutations, tensors_of

from outcrop.artifact.architectures import FAMILIES
from outcrop.artifact.architectures.gpt_oss import GPT_OSS
from outcrop.artifact.examine import examine
from outcrop.artifact.fields import Fields

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
    variant("T5", {**T5, "feed_forward_proj": "gated-gelu", "num_decoder_layers": 3}, "gated", max_shard_size="20KB"),
    variant("T5", {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, "untied, as Flan-T5"),
    variant("GptOss", {**TEXT, "head_dim": 16, "num_local_experts": 3}, "16 bits"),
    variant("GptOss", {**TEXT, "head_dim": 16, "num_local_experts": 3}, "16 bits, sharded", max_shard_size="20KB"),
    variant("Mixtral", {**TEXT, "num_local_experts": 3, "tie_word_embeddings": True}, "tied", max_shard_size="20KB"),
    variant("Qwen3Moe", {**TEXT, **MOE, "tie_word_embeddings": True}, "tied"),
    variant("GPTBigCode", BIGCODE, "sharded", max_shard_size="20KB"),
    variant("Qwen3", TEXT, "head size by default, sharded", max_shard_size="20KB"),
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
    variant(
        "Qwen2_5_VL",
        {
            "text_config": TEXT,
            "vision_config": {**QWEN_VISION, "hidden_size": 16, "intermediate_size": 24, "out_hidden_size": 32},
        },
        "newer names, sharded",
        save_original_format=False,
        max_shard_size="20KB",
    ),
    variant(
        "Qwen2VL",
        {
            "text_config": TEXT,
            "vision_config": {**QWEN_VISION, "embed_dim": 16, "hidden_size": 32},
            "tie_word_embeddings": True,
        },
        "tied and sharded",
        max_shard_size="20KB",
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
    "config.scale_decoder_outputs",
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


def test_what_transformers_writes_is_what_the_table_says(model: Model) -> None:
    """No tensor is missing, unexpected or misshapen; all that is told are the forms of transformers 5."""
    report = model.examined()

    assert ids(report) <= FORMS
    assert report.is_importable("outcrop")


def test_parameters_are_counted_exactly(model: Model) -> None:
    """As many as all the tensors hold that were written."""
    facts = model.examined().facts

    assert facts is not None
    assert facts.parameters == sum(prod(shape) for _, shape in tensors_of(model).values())


def test_every_single_change_of_a_tensor_is_caught_and_named(model: Model) -> None:
    """Each tensor in each way, one at a time."""
    for mutation in mutations(model):
        report = examine(joined(model, mutation.entries))

        (found,) = [found for found in report.findings if found.id == mutation.finding]
        assert f'"{mutation.tensor}"' in found.message
        assert not report.is_importable("outcrop")
        assert not report.is_importable("bedrock")


def test_the_packed_experts_of_gpt_oss_unpack_to_its_16_bits() -> None:
    """Transformers' own conversion of MXFP4 turns the shapes of the one table into those of the other."""
    import torch
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    config = {**TEXT, "hidden_size": 64, "intermediate_size": 96, "head_dim": 16, "num_local_experts": 3}
    plain = {tensor.name: tensor for tensor in GPT_OSS.table(Fields(config))}
    packed = {tensor.name: tensor for tensor in GPT_OSS.variants[0].table(Fields(config))}

    for name in [name for name in plain if name not in packed]:
        blocks, scales = packed[f"{name}_blocks"], packed[f"{name}_scales"]
        unpacked = convert_moe_packed_tensors(
            torch.zeros(blocks.shape, dtype=torch.uint8), torch.full(scales.shape, 127, dtype=torch.uint8)
        )
        assert tuple(unpacked.shape) == plain[name].shape
        assert blocks.parameters + scales.parameters == plain[name].parameters
    assert sum(tensor.parameters for tensor in packed.values()) == sum(tensor.parameters for tensor in plain.values())


def test_gpt_oss_20b_as_published_is_what_the_table_says() -> None:
    """Sizes of openai/gpt-oss-20b's config.json give the shapes of its files' headers."""
    config = {
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "num_hidden_layers": 24,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "num_local_experts": 32,
        "vocab_size": 201088,
    }

    shapes = {tensor.name: tensor.shape for tensor in GPT_OSS.variants[0].table(Fields(config))}

    experts = "model.layers.23.mlp.experts"
    assert len(shapes) == 459
    assert shapes[f"{experts}.gate_up_proj_blocks"] == (32, 5760, 90, 16)
    assert shapes[f"{experts}.gate_up_proj_scales"] == (32, 5760, 90)
    assert shapes[f"{experts}.gate_up_proj_bias"] == (32, 5760)
    assert shapes[f"{experts}.down_proj_blocks"] == (32, 2880, 90, 16)
    assert shapes["model.layers.0.mlp.router.weight"] == (32, 2880)
    assert shapes["model.layers.0.self_attn.sinks"] == (64,)


def test_every_family_is_among_the_variants() -> None:
    """A family without an oracle would be a guess."""
    made = {CLASSES.get(case.values[0].name, f"{case.values[0].name}ForCausalLM") for case in VARIANTS}

    assert made == {name for family in FAMILIES for name in family.architectures}
