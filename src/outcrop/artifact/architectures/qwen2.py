"""Qwen2 and Qwen2.5: Llama's form with biases on queries, keys and values."""

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
    """Every tensor of a Qwen2ForCausalLM."""
    sizes = attention_sizes(config)
    inner = config.size("intermediate_size")

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{at}.self_attn", sizes, has_input_bias=True)
        yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


QWEN2 = Family(
    name="qwen2",
    architectures=("Qwen2ForCausalLM",),
    model_types=("qwen2",),
    table=tensors,
    shape=decoder_shape,
    tokenizer_class="Qwen2TokenizerFast",
)
