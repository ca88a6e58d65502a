"""Llama 2, 3, 3.1, 3.2 (text) and 3.3, and the many models that were trained from scratch in their form."""

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


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a LlamaForCausalLM."""
    sizes = attention_sizes(config)
    inner = config.size("intermediate_size")
    attention_bias = config.flag("attention_bias", default=False)
    mlp_bias = config.flag("mlp_bias", default=False)

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{at}.self_attn", sizes, has_input_bias=attention_bias, has_output_bias=attention_bias)
        yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner, has_bias=mlp_bias)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


LLAMA = Family(
    name="llama",
    architectures=("LlamaForCausalLM",),
    model_types=("llama",),
    table=tensors,
    shape=decoder_shape,
    # Writers before transformers 4.32 kept the frequencies, which are computed from the configuration.
    ignorable=re.compile(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq"),
)
