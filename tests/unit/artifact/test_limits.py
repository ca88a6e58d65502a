"""AWS's limits: errors there, notes here."""

import pytest

from outcrop.artifact.architectures.family import Modality
from outcrop.artifact.finding import Severity
from outcrop.artifact.limits import judge_limits

GB = 10**9


def found(weight_bytes: int, modality: Modality = Modality.TEXT, context: int = 4096) -> list[str]:
    """The ids of what is beyond a limit."""
    findings = list(judge_limits(weight_bytes=weight_bytes, modality=modality, context=context))
    assert all((each.outcrop, each.bedrock) == (Severity.NOTE, Severity.ERROR) for each in findings)
    return [each.id for each in findings]


@pytest.mark.parametrize(
    ("weight_bytes", "modality", "expected"),
    [
        (200 * GB - 1, Modality.TEXT, []),
        (200 * GB, Modality.TEXT, ["limit.weights"]),
        (100 * GB - 1, Modality.MULTIMODAL, []),
        (100 * GB, Modality.MULTIMODAL, ["limit.weights"]),
    ],
)
def test_weights_have_a_limit(weight_bytes: int, modality: Modality, expected: list[str]) -> None:
    """SPEC 4.3.1: less than 200 GB of text models, less than 100 of others."""
    assert found(weight_bytes, modality) == expected


@pytest.mark.parametrize(
    ("context", "expected"), [(131_072, []), (131_073, ["limit.context"]), (262_144, ["limit.context"])]
)
def test_context_has_a_limit(context: int, expected: list[str]) -> None:
    """SPEC 4.3.2: models of exactly 131,072 positions import."""
    assert found(1, context=context) == expected
