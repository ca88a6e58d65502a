"""Memory and expected units: the formulas, held against the published anchors."""

import pytest
from tests.unit.artifact.models import healthy

from outcrop.artifact.fit import Fit, Shape, memory_bytes
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
