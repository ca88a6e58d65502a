"""T5 and Flan-T5: an encoder and a decoder over one vocabulary, with relative positions in their first layers."""

import re
from collections.abc import Iterator

from outcrop.artifact.architectures.family import Expected, Family
from outcrop.artifact.architectures.parts import linear
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape

_CONTEXT = 512
"""Positions are relative, so the config bounds none; T5 was trained on this many tokens."""


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a T5ForConditionalGeneration."""
    width, vocabulary = config.size("d_model"), config.size("vocab_size")
    encoder = config.layers("num_layers")
    decoder = config.layers("num_decoder_layers", len(encoder))
    yield Expected("shared.weight", (vocabulary, width))
    # Copies of the shared embeddings under the names that they have in the two halves.
    yield Expected("encoder.embed_tokens.weight", (vocabulary, width), is_required=False)
    yield Expected("decoder.embed_tokens.weight", (vocabulary, width), is_required=False)
    for number in encoder:
        at = f"encoder.block.{number}.layer"
        yield from _attention(f"{at}.0", "SelfAttention", config, has_positions=number == 0)
        yield from _feed_forward(f"{at}.1", config)
    for number in decoder:
        at = f"decoder.block.{number}.layer"
        yield from _attention(f"{at}.0", "SelfAttention", config, has_positions=number == 0)
        yield from _attention(f"{at}.1", "EncDecAttention", config, has_positions=False)
        yield from _feed_forward(f"{at}.2", config)
    yield Expected("encoder.final_layer_norm.weight", (width,))
    yield Expected("decoder.final_layer_norm.weight", (width,))
    is_tied = config.flag("tie_word_embeddings", default=True)
    yield Expected("lm_head.weight", (vocabulary, width), is_required=not is_tied)


def _attention(at: str, name: str, config: Fields, *, has_positions: bool) -> Iterator[Expected]:
    width, heads = config.size("d_model"), config.size("num_heads")
    inner = heads * config.size("d_kv")
    for projection in ("q", "k", "v"):
        yield from linear(f"{at}.{name}.{projection}", inner, width)
    yield from linear(f"{at}.{name}.o", width, inner)
    if has_positions:
        buckets = config.size("relative_attention_num_buckets", 32)
        yield Expected(f"{at}.{name}.relative_attention_bias.weight", (buckets, heads))
    yield Expected(f"{at}.layer_norm.weight", (width,))


def _feed_forward(at: str, config: Fields) -> Iterator[Expected]:
    width, inner = config.size("d_model"), config.size("d_ff")
    is_gated = config.text("feed_forward_proj", "relu").startswith("gated-")
    for projection in ("wi_0", "wi_1") if is_gated else ("wi",):
        yield from linear(f"{at}.DenseReluDense.{projection}", inner, width)
    yield from linear(f"{at}.DenseReluDense.wo", width, inner)
    yield Expected(f"{at}.layer_norm.weight", (width,))


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    return Shape(
        layers=len(config.layers("num_decoder_layers", config.size("num_layers"))),
        key_value_heads=config.size("num_heads"),
        head_size=config.size("d_kv"),
        context=config.size("n_positions", _CONTEXT),
        vocabulary=config.size("vocab_size"),
    )


T5 = Family(
    name="t5",
    architectures=("T5ForConditionalGeneration",),
    model_types=("t5",),
    table=tensors,
    shape=shape,
    # The first T5 models carry positions for cross-attention that no reader uses.
    ignorable=re.compile(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight"),
    tokenizer_class="T5TokenizerFast",
    has_rope=False,
)
