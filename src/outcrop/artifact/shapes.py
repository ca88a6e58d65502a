"""The sizes of a model that memory is counted by, and the rows that token ids have to fit into. Pure."""

from collections.abc import Mapping

from outcrop.artifact.architectures.family import Expected, Family, text_part
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape
from outcrop.artifact.sizing import EMBEDDINGS
from outcrop.artifact.tensors import Tensors

_ANY_EMBEDDINGS = (*EMBEDDINGS, "word_embeddings.weight", "embed_in.weight")

_CONTEXT = 2048
"""Assumed of an architecture without a table whose config does not say in the usual members."""


def shape_of(family: Family | None, config: Fields) -> Shape:
    """Reads the sizes; what is wrong with a family's members is among the findings of `config`."""
    if family is not None:
        return family.shape(config)
    return _shape_of_any(text_part(config))


def _shape_of_any(text: Fields) -> Shape:
    """Reads what there is under the usual names: what an architecture without a table lacks is no mistake."""
    heads = text.first_size(("num_attention_heads", "n_head", "num_heads"), 1)
    width = text.first_size(("hidden_size", "n_embd", "d_model"), 1)
    return Shape(
        layers=text.first_size(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 1),
        key_value_heads=text.first_size(("num_key_value_heads", "num_kv_heads"), heads),
        head_size=text.first_size(("head_dim",), max(1, width // heads)),
        context=text.first_size(("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"), _CONTEXT),
        vocabulary=text.first_size(("vocab_size",), 1),
    )


def embedding_rows(expected: Mapping[str, Expected], tensors: Tensors) -> int | None:
    """Returns how many token ids the model has rows for; None where that is not known."""
    for name in expected:
        if name.endswith(EMBEDDINGS):
            there = tensors.by_name.get(name)
            return (there or expected[name]).shape[0]
    return None


def any_rows(tensors: Tensors) -> int | None:
    """Returns the same for an architecture without a table: by the tensor that every reader calls the embeddings."""
    found = [tensor.shape[0] for name, tensor in tensors.by_name.items() if name.endswith(_ANY_EMBEDDINGS)]
    return max(found, default=None)
