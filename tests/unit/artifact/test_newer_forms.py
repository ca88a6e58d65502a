"""What transformers 5 writes and AWS misreads: errors for Bedrock with the edit that cures, notes for Outcrop."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import CONFIG, Model, healthy, ids, only, shapes_of, weights

from outcrop.artifact.finding import Severity

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def with_tensors(**members: Any) -> Model:
    """A model with other members and the tensors that go with them."""
    config = {**CONFIG, **members}
    return healthy().configured(**members).having({"model.safetensors": weights(shapes_of(config))})


def test_rope_parameters_are_an_error_for_bedrock_and_a_note_here() -> None:
    """SPEC F7, the silent one: the cure is the exact edit."""
    report = healthy().configured(rope_parameters={**LLAMA3, "rope_theta": 500000.0}).examined()

    found = only(report, "config.rope_parameters")
    assert (found.outcrop, found.bedrock) == (Severity.NOTE, Severity.ERROR)
    assert '"rope_theta": 500000.0' in found.cure
    assert f'"rope_scaling": {json.dumps(LLAMA3)}' in found.cure
    assert '"transformers_version": "4.51.3"' in found.cure


def test_default_rope_parameters_become_a_theta() -> None:
    """Without scaling, null is what transformers 4 expects."""
    found = only(
        healthy().configured(rope_parameters={"rope_theta": 10000.0, "rope_type": "default"}).examined(),
        "config.rope_parameters",
    )

    assert '"rope_theta": 10000.0, "rope_scaling": null' in found.cure


def test_mllamas_default_is_written_out() -> None:
    """Its class in 4.51.3 fails on a null, which was tried."""
    mllama = {"architectures": ["MllamaForConditionalGeneration"], "model_type": "mllama", "vision_config": {}}
    text = {**CONFIG, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}}

    found = only(healthy().configured(**mllama, text_config=text).examined(), "config.rope_parameters")

    assert '"rope_scaling": {"rope_type": "default"} in text_config' in found.cure


def test_both_forms_side_by_side_are_fine() -> None:
    """A config that every version reads the same has no finding."""
    model = healthy().configured(
        rope_parameters={**LLAMA3, "rope_theta": 500000.0}, rope_theta=500000.0, rope_scaling=LLAMA3
    )

    assert model.examined().findings == ()


@pytest.mark.parametrize("member", ["rope_scaling", "rope_parameters"])
def test_a_scaling_that_aws_overrides_is_a_warning(member: str) -> None:
    """SPEC 4.2.8: Llama 3.2 has the factor 32, AWS takes 8."""
    found = only(healthy().configured(**{member: {**LLAMA3, "factor": 32.0}}).examined(), "config.rope_overridden")

    assert (found.outcrop, found.bedrock) == (Severity.NOTE, Severity.WARNING)
    assert "factor 32.0" in found.message
    assert "factor 8" in found.message


def test_dtype_without_torch_dtype_is_a_warning() -> None:
    """Version 4 does not know the new name."""
    found = only(healthy().configured(dtype="bfloat16", torch_dtype=...).examined(), "config.dtype_name")

    assert found.bedrock is Severity.WARNING
    assert '"torch_dtype": "bfloat16"' in found.cure


def test_the_new_name_of_experts_is_an_error_for_bedrock() -> None:
    """Qwen3-MoE: transformers 4 would take its default of 128."""
    members: dict[str, Any] = {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "num_local_experts": 3,
        "moe_intermediate_size": 8,
    }

    report = with_tensors(**members).examined()

    assert ids(report) == {"config.num_local_experts"}
    assert '"num_experts": 3' in report.findings[0].cure
    assert report.is_importable("outcrop")


def test_a_nested_text_config_is_an_error_for_bedrock() -> None:
    """Qwen2-VL: transformers 4.51 looks at the root only."""
    text = {name: value for name, value in CONFIG.items() if name not in ("architectures", "model_type")}
    config = {
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "model_type": "qwen2_vl",
        "text_config": text,
        "vision_config": {"depth": 1, "embed_dim": 8, "hidden_size": 16, "num_heads": 2, "patch_size": 2},
    }
    model = healthy().having(
        {"config.json": json.dumps(config).encode(), "model.safetensors": weights(shapes_of(config))}
    )

    assert ids(model.examined()) == {"config.nested_text_config"}


def test_unscaled_outputs_of_t5_are_an_error_for_bedrock() -> None:
    """Flan-T5 saved by transformers 5: version 4 would scale what must not be scaled."""
    config = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "d_model": 16,
        "d_kv": 4,
        "d_ff": 24,
        "num_heads": 4,
        "num_layers": 1,
        "vocab_size": 20,
        "tie_word_embeddings": True,
        "scale_decoder_outputs": False,
    }
    model = healthy().having(
        {"config.json": json.dumps(config).encode(), "model.safetensors": weights(shapes_of(config))}
    )

    assert ids(model.examined()) == {"config.scale_decoder_outputs"}
    assert model.examined().is_importable("outcrop")


def test_models_without_rotary_positions_are_not_asked_for_them() -> None:
    """GPTBigCode has none."""
    config = {
        "architectures": ["GPTBigCodeForCausalLM"],
        "model_type": "gpt_bigcode",
        "n_embd": 16,
        "n_head": 4,
        "n_layer": 1,
        "n_positions": 32,
        "vocab_size": 20,
        "rope_parameters": {"rope_theta": 1.0},
    }
    model = healthy().having(
        {"config.json": json.dumps(config).encode(), "model.safetensors": weights(shapes_of(config))}
    )

    assert model.examined().findings == ()
