"""Qwen3: norms on each head's queries and keys, and a head size of its own."""

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

_HEAD = 128
"""What Qwen3Config takes where the config does not say."""


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a Qwen3ForCausalLM."""
    sizes = attention_sizes(config, head=_HEAD)
    inner = config.size("intermediate_size")
    has_bias = config.flag("attention_bias", default=False)

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(
            f"{at}.self_attn", sizes, has_input_bias=has_bias, has_output_bias=has_bias, has_head_norms=True
        )
        yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    return decoder_shape(config, head=_HEAD)


QWEN3 = Family(
    name="qwen3",
    architectures=("Qwen3ForCausalLM",),
    model_types=("qwen3",),
    table=tensors,
    shape=shape,
    tokenizer_class="Qwen2TokenizerFast",
)
