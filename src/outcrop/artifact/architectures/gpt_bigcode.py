"""GPTBigCode (StarCoder, SantaCoder): learned positions, and one key and value for all heads."""

import re
from collections.abc import Iterator

from outcrop.artifact.architectures.family import Expected, Family
from outcrop.artifact.architectures.parts import layer_norm, linear
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a GPTBigCodeForCausalLM."""
    width, vocabulary = config.size("n_embd"), config.size("vocab_size")
    inner = config.size("n_inner", 4 * width)
    head = max(1, width // config.size("n_head"))
    keys_and_values = 2 * (head if config.flag("multi_query", default=True) else width)
    yield Expected("transformer.wte.weight", (vocabulary, width))
    yield Expected("transformer.wpe.weight", (config.size("n_positions"), width))
    for number in config.layers("n_layer"):
        at = f"transformer.h.{number}"
        yield from layer_norm(f"{at}.ln_1", width)
        yield from linear(f"{at}.attn.c_attn", width + keys_and_values, width, has_bias=True)
        yield from linear(f"{at}.attn.c_proj", width, width, has_bias=True)
        yield from layer_norm(f"{at}.ln_2", width)
        yield from linear(f"{at}.mlp.c_fc", inner, width, has_bias=True)
        yield from linear(f"{at}.mlp.c_proj", width, inner, has_bias=True)
    yield from layer_norm("transformer.ln_f", width)
    is_tied = config.flag("tie_word_embeddings", default=True)
    yield Expected("lm_head.weight", (vocabulary, width), is_required=not is_tied)


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    heads = config.size("n_head")
    return Shape(
        layers=len(config.layers("n_layer")),
        key_value_heads=1 if config.flag("multi_query", default=True) else heads,
        head_size=max(1, config.size("n_embd") // heads),
        context=config.size("n_positions"),
        vocabulary=config.size("vocab_size"),
    )


GPT_BIGCODE = Family(
    name="gpt_bigcode",
    architectures=("GPTBigCodeForCausalLM",),
    model_types=("gpt_bigcode",),
    table=tensors,
    shape=shape,
    # Causal masks, which writers before transformers 4.40 kept as buffers.
    ignorable=re.compile(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)"),
    tokenizer_class="GPT2TokenizerFast",
    has_rope=False,
)
