"""A config.json of another size of the model: one cause, told as one cure."""

from __future__ import annotations

from tests.unit.artifact.models import healthy


def cures(**members: int) -> set[str]:
    """The cures of everything found when config.json gives other sizes than the weights have."""
    return {found.cure for found in healthy().configured(**members).examined().findings}


def test_more_layers_than_there_are_is_one_cure() -> None:
    """For each of the missing tensors the same."""
    (cure,) = cures(num_hidden_layers=5)

    assert "config.json gives 5 layers below model.layers, and the weights have 2" in cure


def test_fewer_layers_than_there_are_is_one_cure() -> None:
    """For each of the unexpected tensors the same."""
    (cure,) = cures(num_hidden_layers=1)

    assert "config.json gives 1 layer below model.layers, and the weights have 2" in cure


def test_another_width_is_one_cure() -> None:
    """For each of the misshapen tensors the same."""
    (cure,) = cures(hidden_size=32, head_dim=4)

    assert "config.json gives a width of 32, and the embeddings have 16" in cure


def test_another_vocabulary_keeps_its_own_cure() -> None:
    """Only rows differ: it is not another size of the model."""
    assert any('"vocab_size": 20' in cure for cure in cures(vocab_size=24))
