"""Models as people really upload them: what an expert would say about the whole folder, and nothing besides."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from tests.unit.artifact.models import (
    CONFIG,
    Model,
    healthy,
    ids,
    only,
    shapes_of,
    sharded,
    tokenizer,
    tokenizer_config,
    weights,
)

ZIP = b"PK\x03\x04" + bytes(100)
"""How torch.save begins its pickles."""

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n"
WEIGHT_FREE = healthy().without("model.safetensors")
ADAPTER = {"adapter_config.json": b"{}", "adapter_model.safetensors": weights({"x.lora_A.weight": (2, 2)})}


def quantised(suffixes: Mapping[str, tuple[int, ...]], **settings: object) -> Model:
    """A model whose projections are replaced by a quantising tool's tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes_of(CONFIG).items():
        if name.endswith("_proj.weight"):
            shapes |= {name.removesuffix("weight") + suffix: of for suffix, of in suffixes.items()}
        else:
            shapes[name] = shape
    return healthy().configured(**settings).having({"model.safetensors": weights(shapes)})


COMPLETE = {
    "a clone of the hub's repository": healthy().having(
        {
            ".gitattributes": b"*.safetensors filter=lfs",
            "README.md": b"# Llama",
            "LICENSE": b"",
            "USE_POLICY.md": b"",
            "original/consolidated.00.pth": ZIP,
            "original/params.json": b"{}",
            "original/tokenizer.model": b"x",
            "special_tokens_map.json": b"{}",
            "tokenizer.model": b"\n\x0c",
        }
    ),
    "what a trainer leaves": healthy().having(
        {
            "training_args.bin": ZIP,
            "optimizer.pt": ZIP,
            "scheduler.pt": ZIP,
            "rng_state.pth": ZIP,
            "trainer_state.json": b"{}",
            "runs/Nov21/events.out.tfevents.1.host": b"x",
            "checkpoint-500/model.safetensors": b"x",
            "checkpoint-500/config.json": b"{}",
            "global_step500/zero_pp_rank_0_mp_rank_00_optim_states.pt": ZIP,
        }
    ),
    "both formats": healthy().having({"pytorch_model.bin": ZIP, "pytorch_model.bin.index.json": b"{}"}),
    "other formats beside": healthy().having(
        {"onnx/model.onnx": b"x", "openvino_model.bin": b"x", "model.Q4_K_M.gguf": b"GGUF", "coreml/a/b": b"x"}
    ),
    "what macOS leaves": healthy().having({".DS_Store": b"x", "._config.json": b"x", "__MACOSX/._config.json": b"x"}),
    "tied, and both stored": healthy().configured(tie_word_embeddings=True),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_model_is_taken_without_a_word(name: str) -> None:
    """What lies beside it is nobody's business."""
    report = COMPLETE[name].examined()

    assert report.findings == ()
    assert report.is_importable("bedrock")


JUDGED = {
    "pickles only": (WEIGHT_FREE.having({"pytorch_model.bin": ZIP, "training_args.bin": ZIP}), {"weights.pickle"}),
    "a training's state only": (WEIGHT_FREE.having({"optimizer.pt": ZIP, "rng_state.pth": ZIP}), {"weights.missing"}),
    "a DeepSpeed checkpoint": (
        WEIGHT_FREE.having({"global_step9/zero_pp_rank_0_mp_rank_00_optim_states.pt": ZIP, "latest": b"global_step9"}),
        {"weights.training_checkpoint"},
    ),
    "an FSDP checkpoint": (WEIGHT_FREE.having({"__0_0.distcp": b"x"}), {"weights.training_checkpoint"}),
    "an adapter": (Model(ADAPTER), {"source.adapter", "config.missing"}),
    "an adapter with its base's config.json": (WEIGHT_FREE.having(ADAPTER), {"source.adapter"}),
    "an adapter from an older PEFT": (
        Model({"adapter_config.json": b"{}", "adapter_model.bin": ZIP}),
        {"source.adapter", "config.missing"},
    ),
    "an adapter beside its model": (healthy().having(ADAPTER), {"source.adapter_beside", "weights.beside"}),
    "an adapter beside pickles": (
        WEIGHT_FREE.having({**ADAPTER, "pytorch_model.bin": ZIP}).without("adapter_model.safetensors"),
        {"weights.pickle", "source.adapter_beside"},
    ),
    "one GGUF file": (Model({"llama.Q4_K_M.gguf": b"GGUF", "README.md": b""}), {"weights.gguf", "config.missing"}),
    "GPTQ": (
        quantised(
            {"qweight": (2, 16), "qzeros": (1, 2), "scales": (1, 16), "g_idx": (16,)}, quantization_config={"a": 1}
        ),
        {"config.quantised"},
    ),
    "GPTQ of old, without a word in config.json": (
        quantised({"qweight": (2, 16), "qzeros": (1, 2), "scales": (1, 16), "g_idx": (16,)}),
        {"tensor.quantised"},
    ),
    "FP8": (
        quantised({"weight": (4, 4), "weight_scale": (1,)}, quantization_config={"quant_method": "fp8"}),
        {"config.quantised"},
    ),
    "bitsandbytes": (
        quantised({"weight": (128, 1), "weight.absmax": (4,), "weight.quant_map": (16,)}, quantization_config={"a": 1}),
        {"config.quantised"},
    ),
    "MLX": (
        quantised(
            {"weight": (16, 2), "scales": (16, 1), "biases": (16, 1)}, quantization={"bits": 4, "group_size": 64}
        ),
        {"config.quantised"},
    ),
    "Mistral's own layout": (
        WEIGHT_FREE.having({"consolidated.safetensors": b"x", "params.json": b"{}", "tekken.json": b"{}"}),
        {"weights.misnamed"},
    ),
    "two exports": (
        sharded().having({"model-00001-of-00003.safetensors": b"x"}),
        {"weights.unused"},
    ),
    "32 bits, whatever the config says": (
        healthy().having({"model.safetensors": weights(shapes_of(CONFIG), "F32")}),
        {"tensor.wide"},
    ),
    "saved by transformers 5": (
        healthy()
        .configured(torch_dtype=..., dtype="bfloat16", rope_parameters={"rope_type": "default", "rope_theta": 5e5})
        .having({"tokenizer_config.json": tokenizer_config(tokenizer_class="TokenizersBackend")}),
        {"config.dtype_name", "config.rope_parameters", "tokenizer.newer_class"},
    ),
    "saved by transformers 4": (
        healthy().configured(rope_theta=5e5, rope_scaling=None, transformers_version="4.51.3"),
        set(),
    ),
    "a download of pointers": (
        healthy().having({"model.safetensors": LFS, "tokenizer.json": LFS}),
        {"weights.not_safetensors", "tokenizer.unreadable"},
    ),
    "a token was added, the embeddings were not resized": (
        healthy().having({"tokenizer.json": tokenizer(20, special={"<|im_start|>": 20})}),
        {"tokenizer.vocabulary_too_large"},
    ),
    "the cache of the hub": (
        Model({f"models--a--b/snapshots/0/{path}": data for path, data in healthy().files.items()}),
        {"config.missing"},
    ),
    "an embedding model": (healthy().configured(architectures=["LlamaModel"]), {"architecture.unsupported"}),
}


@pytest.mark.parametrize("name", JUDGED)
def test_the_verdict_is_what_an_expert_would_say(name: str) -> None:
    """The cause, and not its consequences."""
    model, expected = JUDGED[name]

    report = model.examined()

    assert ids(report) == expected


def test_an_index_left_over_from_shards_is_told_as_that() -> None:
    """The cure is to remove it, not to upload what nobody has any more."""
    stale = sharded().files["model.safetensors.index.json"]

    found = only(healthy().having({"model.safetensors.index.json": stale}).examined(), "weights.ambiguous")

    assert found.file == "model.safetensors.index.json"
    assert "Remove model.safetensors.index.json" in found.cure


def test_an_adapter_is_told_with_the_model_that_it_belongs_to() -> None:
    """And before the config.json that it does not have."""
    config = json.dumps({"base_model_name_or_path": "meta-llama/Llama-3.1-8B"}).encode()

    report = Model({**ADAPTER, "adapter_config.json": config}).examined()

    assert [found.id for found in report.findings] == ["source.adapter", "config.missing"]
    assert '"meta-llama/Llama-3.1-8B"' in report.findings[0].message


def test_a_config_that_calls_whole_weights_quantised_is_told_to_stop_it() -> None:
    """Left over when the model was dequantised."""
    model = healthy().configured(quantization_config={"quant_method": "bitsandbytes"})

    found = only(model.examined(), "config.quantised")

    assert "which they are not" in found.message
    assert "Remove the member" in found.cure


def test_an_embedding_model_is_told_why_it_is_none() -> None:
    """SPEC 4.1.9."""
    found = only(healthy().configured(architectures=["Qwen3Model"]).examined(), "architecture.unsupported")

    assert "does not generate text" in found.message
