"""Which models Converse works with."""

from dataclasses import replace

import pytest
from tests.samples import sample_model

from outcrop.api.converse import REFUSAL, REFUSED_BY_AWS, require_converse
from outcrop.artifact.architectures import FAMILIES
from outcrop.errors import ValidationError


@pytest.mark.parametrize("profile", ["outcrop", "bedrock"])
def test_a_model_without_a_template_is_refused_in_aws_s_words(profile: str) -> None:
    """SPEC 7.8.6, which clients look for."""
    model = sample_model()
    plain = replace(model, facts=replace(model.facts, is_instruct=False))

    with pytest.raises(ValidationError) as caught:
        require_converse(plain, profile=profile)

    assert str(caught.value) == (
        "This action doesn't support the model that you provided. Try again with a supported text or chat model."
    )
    assert str(caught.value) == REFUSAL


@pytest.mark.parametrize("architecture", sorted(REFUSED_BY_AWS))
def test_families_that_aws_refuses_are_refused_in_its_profile_alone(architecture: str) -> None:
    """SPEC 11.2 and 11.3."""
    model = sample_model()
    refused = replace(model, facts=replace(model.facts, architecture=architecture, is_instruct=True))

    require_converse(refused, profile="outcrop")
    with pytest.raises(ValidationError, match="doesn't support the model"):
        require_converse(refused, profile="bedrock")


def test_the_refused_families_are_families() -> None:
    """Under the names that models carry."""
    assert {family.name for family in FAMILIES} >= REFUSED_BY_AWS
