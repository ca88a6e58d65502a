"""Memory and expected units: the formulas, held against the published anchors."""

import pytest
from tests.unit.artifact.models import healthy

from outcrop.artifact.finding import Finding, Severity
from outcrop.artifact.fit import Fit, Shape, judge_memory, memory_bytes
from outcrop.artifact.host import Host
from outcrop.artifact.units import custom_model_units


def shape(layers: int, context: int, key_value_heads: int = 8, head_size: int = 128) -> Shape:
    """The attention of a Llama."""
    return Shape(
        layers=layers, key_value_heads=key_value_heads, head_size=head_size, context=context, vocabulary=128256
    )


@pytest.mark.parametrize(
    ("parameters", "of", "expected"),
    [
        pytest.param(1_235_814_400, shape(16, 131072, head_size=64), 1, id="Llama 3.2 1B"),
        pytest.param(3_212_749_824, shape(28, 131072), 1, id="Llama 3.2 3B"),
        pytest.param(8_030_261_248, shape(32, 131072), 2, id="Llama 3.1 8B"),
        pytest.param(11_168_796_672, shape(50, 32768), 2, id="Mistral type 11B"),
        pytest.param(70_553_706_496, shape(80, 131072), 8, id="Llama 3.1 70B"),
    ],
)
def test_units_are_those_that_aws_published(parameters: int, of: Shape, expected: int) -> None:
    """SPEC 9.3."""
    assert custom_model_units(parameters=parameters, shape=of) == expected


def test_memory_is_weights_cache_and_a_tenth() -> None:
    """2 KB a token and layer for keys and values of 4 heads of 128 in 16 bits."""
    small = shape(layers=1, context=1000, key_value_heads=4)

    assert small.cache_bytes_per_token == 2048
    assert memory_bytes(weight_bytes=952_000, shape=small) == 3_300_000


def test_a_fit_survives_its_json_form() -> None:
    """What is kept with a job is read back."""
    fit = healthy().examined().fit

    assert fit is not None
    assert Fit.from_json(fit.to_json()) == fit
    assert (fit.modality, fit.precisions, fit.tensors, fit.weight_files, fit.vocabulary) == (
        "text",
        ("BF16",),
        21,
        1,
        20,
    )


GB = 10**9
MODEL = {"weight_bytes": 10 * GB, "shape": shape(layers=10, context=100_000)}
"""11 GB to load; 40,960 bytes for each token of context, 4.1 GB for all."""


def judged(**host: object) -> list[Finding]:
    """What is found about the model on a machine."""
    return list(judge_memory(Host(**host), **MODEL))


def test_where_nothing_is_known_nothing_is_judged() -> None:
    """As for an engine that runs elsewhere."""
    assert judged() == []


def test_a_machine_that_holds_all_of_it_is_fine() -> None:
    """Weights, engine, and one sequence of the whole context."""
    assert judged(memory_bytes=16 * GB) == []


def test_a_machine_that_is_too_small_is_a_warning_when_checking() -> None:
    """People check here what they will run elsewhere; for Bedrock it means nothing. The numbers are told."""
    (found,) = judged(memory_bytes=8 * GB)

    assert found.id == "fit.memory"
    assert (found.outcrop, found.bedrock) == (Severity.WARNING, Severity.NOTE)
    assert "11.0 GB" in found.message
    assert "8.0 GB" in found.message


def test_a_machine_that_is_too_small_is_an_error_when_importing() -> None:
    """Whatever the profile: the model has to run here."""
    (found,) = judged(memory_bytes=8 * GB, must_run=True)

    assert (found.outcrop, found.bedrock) == (Severity.ERROR, Severity.ERROR)


def test_less_context_than_the_model_has_is_told_with_how_much_there_is() -> None:
    """It runs, with shorter conversations: 1 GB beside the weights is for 22,000 tokens."""
    (found,) = judged(memory_bytes=12 * GB, must_run=True)

    assert found.id == "fit.context"
    assert found.outcrop is Severity.WARNING
    assert "22,194 tokens" in found.message


def test_with_accelerators_their_memory_counts() -> None:
    """The machine's own needs to hold no more than the weights, on their way."""
    assert judged(memory_bytes=10 * GB, accelerator_bytes=16 * GB) == []

    (through,) = judged(memory_bytes=9 * GB, accelerator_bytes=16 * GB, must_run=True)

    assert through.outcrop is Severity.ERROR
    assert "through whose memory" in through.message


def test_accelerators_that_are_too_small_stop_only_engines_that_need_them() -> None:
    """Transformers keeps the rest in the machine's memory, slowly; vLLM does not start."""
    small = {"memory_bytes": 64 * GB, "accelerator_bytes": 8 * GB, "must_run": True}

    (slow,) = judged(**small)
    (refused,) = judged(**small, splits_weights=False)

    assert (slow.outcrop, refused.outcrop) == (Severity.WARNING, Severity.ERROR)


def test_the_accelerators_memory_is_told_as_theirs() -> None:
    """In a sentence that reads."""
    (found,) = judged(memory_bytes=64 * GB, accelerator_bytes=8 * GB)

    assert found.message == "The weights take 11.0 GB of memory; the accelerators have 8.0 GB."
