"""Mistral: Llama's form without biases; the sliding window changes no tensor."""

import re
from collections.abc import Iterator

from outcrop.artifact.architectures.family import Expected, Family
from outcrop.artifact.architectures.parts import (
    attention,
    attention_sizes,
    decoder,
    decoder_shape,
    gated_feed_forward,
)
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape

_KEY_VALUE_HEADS = 8
"""What MistralConfig takes where the config does not say."""


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a MistralForCausalLM."""
    sizes = attention_sizes(config, key_value_heads=_KEY_VALUE_HEADS)
    inner = config.size("intermediate_size")

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{at}.self_attn", sizes)
        yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    return decoder_shape(config, key_value_heads=_KEY_VALUE_HEADS)


MISTRAL = Family(
    name="mistral",
    architectures=("MistralForCausalLM",),
    model_types=("mistral",),
    table=tensors,
    shape=shape,
    ignorable=re.compile(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq"),
)
