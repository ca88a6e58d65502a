"""Tensors against the table: names, shapes, precisions."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import CONFIG, Model, healthy, ids, only, shapes_of, sharded, weights

from outcrop.artifact.finding import Severity


def with_shapes(shapes: dict[str, tuple[int, ...]], dtype: str = "BF16", **members: Any) -> Model:
    """A model with these tensors."""
    return healthy().configured(**members).having({"model.safetensors": weights(shapes, dtype)})


def test_a_missing_tensor_is_named_with_its_shape() -> None:
    """The file is the one that should hold it."""
    shapes = shapes_of(CONFIG)
    del shapes["model.layers.1.mlp.up_proj.weight"]

    found = only(with_shapes(shapes).examined(), "tensor.missing")

    assert found.file == "model.safetensors"
    assert '"model.layers.1.mlp.up_proj.weight" of shape [24, 16]' in found.message


def test_a_missing_head_has_the_cure_of_tying() -> None:
    """Most often the model is tied and the config does not say so."""
    shapes = shapes_of(CONFIG)
    del shapes["lm_head.weight"]

    assert '"tie_word_embeddings": true' in only(with_shapes(shapes).examined(), "tensor.missing").cure


def test_a_tied_head_may_be_there_or_not() -> None:
    """Writers differ; readers do not mind."""
    shapes = shapes_of({**CONFIG, "tie_word_embeddings": True})

    assert "lm_head.weight" not in shapes
    assert with_shapes(shapes, tie_word_embeddings=True).examined().findings == ()
    assert with_shapes(shapes_of(CONFIG), tie_word_embeddings=True).examined().findings == ()


def test_a_tied_head_is_not_counted_twice() -> None:
    """Copies hold no parameters."""
    tied = with_shapes(shapes_of(CONFIG), tie_word_embeddings=True).examined().facts
    untied = healthy().examined().facts

    assert tied is not None
    assert untied is not None
    assert untied.parameters - tied.parameters == 20 * 16


def test_an_unexpected_tensor_of_a_known_part_is_an_error() -> None:
    """Left out, it would change what the model says: here a third layer that the config does not have."""
    found = only(
        with_shapes({**shapes_of(CONFIG), "model.layers.2.input_layernorm.weight": (16,)}).examined(),
        "tensor.unexpected",
    )

    assert (found.outcrop, found.bedrock) == (Severity.ERROR, Severity.ERROR)
    assert '"model.layers.2.input_layernorm.weight"' in found.message


def test_an_unknown_part_is_a_warning_here_and_an_error_for_bedrock() -> None:
    """A head that training added: engines here pass over it."""
    found = only(with_shapes({**shapes_of(CONFIG), "v_head.summary.weight": (1, 16)}).examined(), "tensor.unknown_part")

    assert (found.outcrop, found.bedrock) == (Severity.WARNING, Severity.ERROR)


def test_a_misshapen_tensor_is_told_with_both_shapes() -> None:
    """Expected and actual."""
    shapes = {**shapes_of(CONFIG), "model.layers.0.self_attn.q_proj.weight": (12, 16)}

    found = only(with_shapes(shapes).examined(), "tensor.misshapen")

    assert (found.expected, found.actual) == ("[16, 16]", "[12, 16]")


def test_a_changed_vocabulary_has_its_own_cure() -> None:
    """Tokens were added, and the config was not told."""
    shapes = {**shapes_of(CONFIG), "model.embed_tokens.weight": (23, 16), "lm_head.weight": (23, 16)}

    report = with_shapes(shapes).examined()

    assert ids(report) == {"tensor.misshapen"}
    assert '"vocab_size": 23' in report.findings[0].cure


def test_frequencies_that_old_writers_kept_are_passed_over() -> None:
    """They are computed from the configuration."""
    shapes = {**shapes_of(CONFIG), "model.layers.0.self_attn.rotary_emb.inv_freq": (2,)}

    assert with_shapes(shapes).examined().findings == ()


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "base_model.model.", "_fsdp_wrapped_module."])
def test_names_that_a_training_tool_wrapped_give_one_finding(prefix: str) -> None:
    """Not one for every tensor."""
    report = with_shapes({prefix + name: shape for name, shape in shapes_of(CONFIG).items()}).examined()

    assert ids(report) == {"tensor.wrapped_names"}


@pytest.mark.parametrize(
    ("name", "identifier", "cure"),
    [
        ("lora_A.weight", "tensor.adapter", "merge_and_unload"),
        ("base_layer.weight", "tensor.adapter", "merge_and_unload"),
        ("qweight", "tensor.quantised", "before it was quantised"),
    ],
)
def test_names_give_away_what_to_do(name: str, identifier: str, cure: str) -> None:
    """Adapters are merged, quantised models are replaced; it is told once, and not what is missing for it."""
    shapes = {path.replace("_proj.weight", f"_proj.{name}"): shape for path, shape in shapes_of(CONFIG).items()}

    report = with_shapes(shapes).examined()

    assert ids(report) == {identifier}
    assert cure in only(report, identifier).cure


def test_a_tools_tensor_hides_nothing_else() -> None:
    """One of them, beside a model that lacks others, is told beside those."""
    shapes = {name: shape for name, shape in shapes_of(CONFIG).items() if "layers.1." not in name}

    report = with_shapes({**shapes, "model.layers.0.self_attn.q_proj.lora_A.weight": (4, 4)}).examined()

    assert ids(report) == {"tensor.adapter", "tensor.missing"}


def test_the_layout_of_transformers_5_is_an_error_for_bedrock_only() -> None:
    """Experts joined in two tensors: the engine here reads them."""
    config = {**CONFIG, "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "num_local_experts": 3}
    shapes = {name: shape for name, shape in shapes_of(config).items() if "block_sparse_moe" not in name}
    for layer in range(2):
        shapes[f"model.layers.{layer}.mlp.gate.weight"] = (3, 16)
        shapes[f"model.layers.{layer}.mlp.experts.gate_up_proj"] = (3, 48, 16)
        shapes[f"model.layers.{layer}.mlp.experts.down_proj"] = (3, 16, 24)
    model = healthy().having({"config.json": json.dumps(config).encode(), "model.safetensors": weights(shapes)})

    report = model.examined()

    assert ids(report) == {"tensor.other_layout"}
    assert report.is_importable("outcrop")
    assert not report.is_importable("bedrock")


@pytest.mark.parametrize(
    ("dtype", "outcrop"), [("I8", Severity.ERROR), ("F8_E4M3", Severity.ERROR), ("F64", Severity.WARNING)]
)
def test_precisions_that_are_not_served_are_told_once(dtype: str, outcrop: Severity) -> None:
    """One finding for a format, however many tensors have it."""
    found = only(
        with_shapes(shapes_of(CONFIG), dtype).examined(),
        "tensor.unusual_precision" if dtype == "F64" else "tensor.precision",
    )

    assert (found.outcrop, found.bedrock) == (outcrop, Severity.ERROR)
    assert found.actual == dtype


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F32"])
def test_the_three_precisions_are_fine(dtype: str) -> None:
    """SPEC 4.3.3."""
    report = with_shapes(shapes_of(CONFIG), dtype).examined()

    assert ids(report) == ({"tensor.wide"} if dtype == "F32" else set())
    assert report.fit is not None
    assert report.fit.precisions == (dtype,)


def test_in_a_sharded_model_the_index_is_named_for_what_is_missing() -> None:
    """No shard is to blame more than another."""
    model = sharded().configured(attention_bias=True)

    report = model.examined()

    assert {found.file for found in report.findings} == {"model.safetensors.index.json"}
    assert len(report.findings) == 8


def test_published_gpt_oss_weights_are_taken_here() -> None:
    """Experts in MXFP4: a note here, a warning for Bedrock, which does not say whether it takes them."""
    config: dict[str, Any] = {
        **{name: value for name, value in CONFIG.items() if name != "torch_dtype"},
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "num_local_experts": 2,
        "hidden_size": 64,
        "intermediate_size": 32,
        "head_dim": 16,
        "quantization_config": {"quant_method": "mxfp4"},
    }
    shapes = shapes_of(config)
    packed: dict[str, tuple[int, ...]] = {}
    for layer in range(2):
        at = f"model.layers.{layer}.mlp.experts"
        del shapes[f"{at}.gate_up_proj"], shapes[f"{at}.down_proj"]
        packed |= {f"{at}.gate_up_proj_blocks": (2, 64, 2, 16), f"{at}.gate_up_proj_scales": (2, 64, 2)}
        packed |= {f"{at}.down_proj_blocks": (2, 64, 1, 16), f"{at}.down_proj_scales": (2, 64, 1)}
    generation = {"eos_token_id": [200002, 199999, 200012]}
    model = healthy().having(
        {
            "config.json": json.dumps(config).encode(),
            "model-1.safetensors": weights(shapes),
            "model-2.safetensors": weights(packed, "U8"),
            "model.safetensors.index.json": json.dumps(
                {
                    "metadata": {},
                    "weight_map": dict.fromkeys(shapes, "model-1.safetensors")
                    | dict.fromkeys(packed, "model-2.safetensors"),
                }
            ).encode(),
            "generation_config.json": json.dumps(generation).encode(),
        }
    )

    report = model.without("model.safetensors").examined()

    assert ids(report) == {"config.quantised_as_published", "tensor.other_layout", "generation.token_out_of_range"}
    assert report.is_importable("bedrock")
    assert report.facts is not None
    assert report.facts.parameters > 2 * (2 * 64 * 64 + 2 * 64 * 32)
