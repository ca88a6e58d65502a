"""Qwen3-MoE: Qwen3's attention, and mixtures of small experts in all layers but those that the config excepts."""

from collections.abc import Callable, Iterator

from outcrop.artifact.architectures.family import Expected, Family, newer_layout
from outcrop.artifact.architectures.parts import (
    attention,
    attention_sizes,
    decoder,
    decoder_shape,
    gated_feed_forward,
    joined_mixture,
    mixture,
)
from outcrop.artifact.fields import MOST_EXPERTS, Fields

Experts = Callable[[str, int, int, int], Iterator[Expected]]


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a Qwen3MoeForCausalLM."""
    yield from _tensors(config, mixture)


def joined_tensors(config: Fields) -> Iterator[Expected]:
    """The same, with the experts as transformers 5 holds them."""
    yield from _tensors(config, joined_mixture)


def _tensors(config: Fields, experts: Experts) -> Iterator[Expected]:
    sizes = attention_sizes(config, key_value_heads=4)
    inner, expert_inner = config.size("intermediate_size"), config.size("moe_intermediate_size")
    # transformers 5 writes num_local_experts; the rule on its forms tells what AWS makes of that.
    count = config.size("num_local_experts" if config.has("num_local_experts") else "num_experts", most=MOST_EXPERTS)
    every = config.size("decoder_sparse_step", 1)
    dense = frozenset(config.integers("mlp_only_layers", ()))
    has_bias = config.flag("attention_bias", default=False)

    def layer(at: str, number: int) -> Iterator[Expected]:
        yield from attention(
            f"{at}.self_attn", sizes, has_input_bias=has_bias, has_output_bias=has_bias, has_head_norms=True
        )
        if number in dense or (number + 1) % every:
            yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner)
        else:
            yield from experts(f"{at}.mlp", sizes.hidden, expert_inner, count)

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


QWEN3_MOE = Family(
    name="qwen3_moe",
    architectures=("Qwen3MoeForCausalLM",),
    model_types=("qwen3_moe",),
    table=tensors,
    variants=(newer_layout(joined_tensors),),
    shape=decoder_shape,
    tokenizer_class="Qwen2TokenizerFast",
)
