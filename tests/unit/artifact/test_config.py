"""config.json: architecture, code, quantisation."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import CONFIG, healthy, ids, only, shapes_of, tokenizer, weights

from outcrop.artifact.examine import examine
from outcrop.artifact.finding import Severity
from outcrop.artifact.host import Host


def test_an_unsupported_architecture_is_named_with_those_that_are() -> None:
    """As AWS does, the message tells what was found and what could be."""
    found = only(healthy().configured(architectures=["Gemma2ForCausalLM"]).examined(), "architecture.unsupported")

    assert (found.outcrop, found.bedrock) == (Severity.ERROR, Severity.ERROR)
    assert '"Gemma2ForCausalLM"' in found.message
    assert "LlamaForCausalLM (llama)" in found.cure
    assert "Qwen3MoeForCausalLM (qwen3_moe)" in found.cure


def test_what_the_engine_runs_beyond_the_list_is_accepted_unchecked() -> None:
    """An error for Bedrock, a note for Outcrop, and the facts are read as far as they are usual."""
    report = healthy().configured(architectures=["GemmaForCausalLM"], model_type="gemma").examined("GemmaForCausalLM")

    assert ids(report) == {"architecture.beyond_bedrock"}
    assert report.is_importable("outcrop")
    assert not report.is_importable("bedrock")
    assert report.facts is not None
    assert (report.facts.architecture, report.facts.context_length) == ("gemma", 64)


def test_what_the_engine_does_not_run_is_a_warning_when_checking() -> None:
    """Of those that AWS imports: people check here what they will run there. What is not known is not said."""
    model = healthy()

    found = only(model.examined("GemmaForCausalLM"), "architecture.not_run_here")

    assert (found.outcrop, found.bedrock) == (Severity.WARNING, Severity.NOTE)
    assert ids(model.examined("LlamaForCausalLM")) == set()
    assert ids(model.examined()) == set()


def test_what_the_engine_does_not_run_is_an_error_when_importing() -> None:
    """Before a byte moves, not when the copied model is to be proven; whatever the profile."""
    host = Host(architectures=lambda: frozenset({"GemmaForCausalLM"}), must_run=True)

    found = only(examine(healthy().snapshot(), host=host), "architecture.not_run_here")

    assert (found.outcrop, found.bedrock) == (Severity.ERROR, Severity.ERROR)


def test_beyond_the_list_unusual_members_are_no_mistake() -> None:
    """Other names, lists where others have numbers: what cannot be read is not judged by."""
    model = healthy().configured(
        architectures=["GPT2LMHeadModel"],
        model_type="gpt2",
        hidden_size=...,
        num_attention_heads=...,
        num_hidden_layers=...,
        max_position_embeddings=...,
        vocab_size=...,
        num_key_value_heads=[2, 2],
        n_embd=16,
        n_head=4,
        n_layer=2,
        n_positions=32,
    )

    report = model.examined("GPT2LMHeadModel")

    assert ids(report) == {"architecture.beyond_bedrock"}
    assert report.facts is not None
    assert report.facts.context_length == 32


def test_beyond_the_list_a_tokenizer_is_held_against_the_embeddings_themselves() -> None:
    """Configurations may leave the vocabulary's size to a default that is not known here."""
    model = healthy().configured(architectures=["GemmaForCausalLM"], model_type="gemma", vocab_size=...)

    report = model.having({"tokenizer.json": tokenizer(21)}).examined("GemmaForCausalLM")

    assert "tokenizer.vocabulary_too_large" in ids(report)


def test_beyond_the_list_an_adapter_that_was_not_merged_is_an_error() -> None:
    """The engine would pass over its tensors, and fill the model's own with random numbers."""
    shapes = {name.replace("_proj.weight", "_proj.lora_A.weight"): shape for name, shape in shapes_of(CONFIG).items()}
    model = healthy().configured(architectures=["GemmaForCausalLM"]).having({"model.safetensors": weights(shapes)})

    report = model.examined("GemmaForCausalLM")

    assert ids(report) == {"architecture.beyond_bedrock", "tensor.adapter"}
    assert not report.is_importable("outcrop")


def test_a_vision_tower_makes_a_model_multimodal_beyond_the_list_too() -> None:
    """The table of a family says it otherwise."""
    model = healthy().configured(architectures=["Gemma3ForConditionalGeneration"], vision_config={"depth": 1})

    fit = model.examined("Gemma3ForConditionalGeneration").fit

    assert fit is not None
    assert fit.modality == "multimodal"


@pytest.mark.parametrize("value", [..., None, [], "LlamaForCausalLM", [1], {}])
def test_a_config_without_architecture_is_told_what_to_add(value: Any) -> None:
    """The class of the model type is the cure."""
    found = only(healthy().configured(architectures=value).examined(), "config.no_architecture")

    assert '["LlamaForCausalLM"]' in found.cure


def test_of_several_architectures_the_first_counts() -> None:
    """With a warning."""
    report = healthy().configured(architectures=["LlamaForCausalLM", "X"]).examined()

    assert ids(report) == {"config.several_architectures"}
    assert report.is_importable("outcrop")


@pytest.mark.parametrize("value", ["mistral", None, 3])
def test_architecture_and_model_type_have_to_agree(value: Any) -> None:
    """Readers choose the classes by the model type."""
    found = only(healthy().configured(model_type=value).examined(), "config.wrong_model_type")

    assert '"model_type": "llama"' in found.cure


def test_remote_code_is_refused() -> None:
    """auto_map makes readers run the model's own code, which is never done."""
    report = healthy().configured(auto_map={"AutoModel": "modeling.X"}).examined()

    found = only(report, "config.remote_code")
    assert (found.outcrop, found.bedrock) == (Severity.ERROR, Severity.ERROR)
    assert "auto_map" in found.cure


@pytest.mark.parametrize(
    "members",
    [
        {"quantization_config": {"quant_method": "awq", "bits": 4}},
        {"quantization_config": {"quant_method": "mxfp4"}},
        {"quantization": {"group_size": 64, "bits": 4}},
        {"quantization_config": "x"},
    ],
    ids=["awq", "mxfp4 outside GPT-OSS", "mlx", "nonsense"],
)
def test_quantised_weights_are_refused(members: dict[str, Any]) -> None:
    """SPEC F13: Bedrock fails on them with a size mismatch."""
    assert "config.quantised" in ids(healthy().configured(**members).examined())


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("hidden_size", ...),
        ("hidden_size", None),
        ("hidden_size", 0),
        ("hidden_size", -1),
        ("hidden_size", 16.0),
        ("hidden_size", "16"),
        ("hidden_size", True),
        ("hidden_size", 10**30),
        ("hidden_size", [16]),
        ("num_hidden_layers", 10**6),
        ("vocab_size", 10**9),
        ("max_position_embeddings", "many"),
        ("tie_word_embeddings", "no"),
        ("num_key_value_heads", {}),
    ],
)
def test_members_of_a_wrong_kind_are_named(member: str, value: Any) -> None:
    """The finding names the member and what is expected; nothing is computed from it."""
    report = healthy().configured(**{member: value}).examined()

    found = only(report, "config.missing_member" if value in (..., None) else "config.wrong_member")
    assert f'"{member}"' in found.message
    assert report.facts is None


def test_every_wrong_member_is_told_once() -> None:
    """All of them in one pass."""
    report = healthy().configured(hidden_size=None, vocab_size="x", num_hidden_layers=-1).examined()

    assert sorted(found.expected or "" for found in report.findings) == [
        "an integer from 1 to 1000",
        "an integer from 1 to 16777216",
        "an integer from 1 to 16777216",
    ]


def test_a_config_that_is_no_json_stops_only_what_needs_it() -> None:
    """Tokenizer and weights are judged all the same."""
    model = healthy().having({"config.json": b"{", "tokenizer.json": b"{"})

    assert ids(model.examined()) == {"file.not_json", "tokenizer.unreadable"}


def test_a_config_that_stands_for_millions_of_tensors_is_refused() -> None:
    """Nothing is expanded without bounds."""
    config = {**CONFIG, "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "num_local_experts": 1024}
    model = healthy().having({"config.json": json.dumps({**config, "num_hidden_layers": 1000}).encode()})

    assert "config.too_many_tensors" in ids(model.examined())
