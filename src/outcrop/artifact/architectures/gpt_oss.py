"""GPT-OSS 20B and 120B: mixtures whose experts lie in joined tensors, in 16 bits or as published in MXFP4."""

from collections.abc import Callable, Iterator

from outcrop.artifact.architectures.family import Expected, Family, Variant
from outcrop.artifact.architectures.parts import attention, attention_sizes, decoder, decoder_shape, linear
from outcrop.artifact.fields import MOST_EXPERTS, Fields
from outcrop.artifact.finding import Severity
from outcrop.artifact.fit import Shape

_KEY_VALUE_HEADS, _HEAD = 8, 64
"""What GptOssConfig takes where the config does not say."""

_MXFP4_GROUP = 32
"""Values that share one scale; a block holds them as 16 bytes."""

Weights = Callable[[str, int, int, int], Iterator[Expected]]


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a GptOssForCausalLM in 16 bits."""

    def plain(at: str, experts: int, inputs: int, outputs: int) -> Iterator[Expected]:
        yield Expected(at, (experts, inputs, outputs))

    yield from _tensors(config, plain)


def mxfp4_tensors(config: Fields) -> Iterator[Expected]:
    """The same with the experts in MXFP4, as OpenAI published them."""

    def packed(at: str, experts: int, inputs: int, outputs: int) -> Iterator[Expected]:
        groups = inputs // _MXFP4_GROUP
        values = experts * outputs * groups * _MXFP4_GROUP
        yield Expected(f"{at}_blocks", (experts, outputs, groups, _MXFP4_GROUP // 2), packed_values=values)
        yield Expected(f"{at}_scales", (experts, outputs, groups), packed_values=0)

    yield from _tensors(config, packed)


def _tensors(config: Fields, weights: Weights) -> Iterator[Expected]:
    sizes = attention_sizes(config, key_value_heads=_KEY_VALUE_HEADS, head=_HEAD)
    inner = config.size("intermediate_size")
    experts = config.size("num_local_experts", most=MOST_EXPERTS)
    has_bias = config.flag("attention_bias", default=True)

    def layer(at: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{at}.self_attn", sizes, has_input_bias=has_bias, has_output_bias=has_bias)
        yield Expected(f"{at}.self_attn.sinks", (sizes.heads,))
        yield from linear(f"{at}.mlp.router", experts, sizes.hidden, has_bias=True)
        yield from weights(f"{at}.mlp.experts.gate_up_proj", experts, sizes.hidden, 2 * inner)
        yield Expected(f"{at}.mlp.experts.gate_up_proj_bias", (experts, 2 * inner))
        yield from weights(f"{at}.mlp.experts.down_proj", experts, inner, sizes.hidden)
        yield Expected(f"{at}.mlp.experts.down_proj_bias", (experts, sizes.hidden))

    yield from decoder(config, layer, is_tied=config.flag("tie_word_embeddings", default=False))


def shape(config: Fields) -> Shape:
    """The shape that memory is counted by."""
    return decoder_shape(config, key_value_heads=_KEY_VALUE_HEADS, head=_HEAD)


GPT_OSS = Family(
    name="gpt_oss",
    architectures=("GptOssForCausalLM",),
    model_types=("gpt_oss",),
    table=tensors,
    variants=(
        Variant(
            table=mxfp4_tensors,
            message="has its experts in MXFP4, as published; AWS does not say whether it takes them so.",
            cure="Load the model with transformers' Mxfp4Config(dequantize=True) and save it in bfloat16.",
            bedrock=Severity.WARNING,
        ),
    ),
    shape=shape,
)
