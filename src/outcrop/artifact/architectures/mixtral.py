"""Mixtral: Mistral's attention, and in each layer a mixture of experts."""

from collections.abc import Callable, Iterator

from outcrop.artifact.architectures.family import Expected, Family, newer_layout
from outcrop.artifact.architectures.parts import (
    attention,
    attention_sizes,
    decoder,
    decoder_shape,
    joined_mixture,
    mixture,
)
from outcrop.artifact.fields import MOST_EXPERTS, Fields
from outcrop.artifact.fit import Shape

_KEY_VALUE_HEADS = 8
"""What MixtralConfig takes where the config does not say."""

Experts = Callable[[str, int, int, int], Iterator[Expected]]


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a MixtralForCausalLM."""

    def experts(at: str, hidden: int, inner: int, count: int) -> Iterator[Expected]:
        yield from mixture(f"{at}.block_sparse_moe", hidden, inner, count, gate="w1", up="w3", down="w2")

    yield from _tensors(config, experts)


def joined_tensors(config: Fields) -> Iterator[Expected]:
    """The same, with the experts as transformers 5 holds them."""

    def experts(at: str, hidden: int, inner: int, count: int) -> Iterator[Expected]:
        yield from joined_mixture(f"{at}.mlp", hidden, inner, count)

    yield from _tensors(config, experts)


def _tensors(config: Fields, experts: Experts) -> Iterator[Expected]:
    sizes = attention_sizes(config, key_value_heads=_KEY_VALUE_HEADS)
    inner = config.size("intermediate_size")
    count = config.size("num_local_experts", 8, most=MOST_EXPERTS)

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{at}.self_attn", sizes)
        yield from experts(at, sizes.hidden, inner, count)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    return decoder_shape(config, key_value_heads=_KEY_VALUE_HEADS)


MIXTRAL = Family(
    name="mixtral",
    architectures=("MixtralForCausalLM",),
    model_types=("mixtral",),
    table=tensors,
    variants=(newer_layout(joined_tensors),),
    shape=shape,
)
