"""The sizes of a model that memory is counted by, and the rows that token ids have to fit into. Pure."""

from collections.abc import Mapping

from outcrop.artifact.architectures.family import Expected, Family, text_part
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape
from outcrop.artifact.tensors import Tensors

_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "shared.weight")

_CONTEXT = 2048
"""Assumed of an architecture without a table whose config does not say in the usual members."""


def shape_of(family: Family | None, config: Fields) -> Shape:
    """Reads the sizes; what is wrong with a family's members is among the findings of `config`."""
    if family is not None:
        return family.shape(config)
    text = text_part(config)
    heads = text.size("num_attention_heads", 1)
    return Shape(
        layers=text.size("num_hidden_layers", 1),
        key_value_heads=text.size("num_key_value_heads", heads),
        head_size=text.size("head_dim", max(1, text.size("hidden_size", 1) // heads)),
        context=text.size("max_position_embeddings", _CONTEXT),
        vocabulary=text.size("vocab_size", 1),
    )


def embedding_rows(expected: Mapping[str, Expected], tensors: Tensors) -> int | None:
    """Returns how many token ids the model has rows for; None where that is not known."""
    for name in expected:
        if name.endswith(_EMBEDDINGS):
            there = tensors.by_name.get(name)
            return (there or expected[name]).shape[0]
    return None
