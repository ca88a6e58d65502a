"""Qwen2.5-VL: Qwen2-VL's language model, and a vision tower with gated feed-forward and norms without shift."""

from collections.abc import Iterator

from outcrop.artifact.architectures.family import Expected, Family, Modality, newer_layout
from outcrop.artifact.architectures.parts import gated_feed_forward, linear
from outcrop.artifact.architectures.qwen2_vl import language_tensors, merger_tensors, patch_tensors, shape
from outcrop.artifact.fields import Fields


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a Qwen2_5_VLForConditionalGeneration."""
    yield from language_tensors(config, "model")
    yield from _vision_tensors(config.section("vision_config"), "visual")


def nested_tensors(config: Fields) -> Iterator[Expected]:
    """The same under the names that transformers 5 uses within."""
    yield from language_tensors(config, "model.language_model")
    yield from _vision_tensors(config.section("vision_config"), "model.visual")


def _vision_tensors(vision: Fields, at: str) -> Iterator[Expected]:
    width = vision.size("hidden_size", 3584)
    inner = vision.size("intermediate_size", 3420)
    yield from patch_tensors(vision, at, width)
    for number in vision.layers("depth", 32):
        block = f"{at}.blocks.{number}"
        yield Expected(f"{block}.norm1.weight", (width,))
        yield Expected(f"{block}.norm2.weight", (width,))
        yield from linear(f"{block}.attn.qkv", 3 * width, width, has_bias=True)
        yield from linear(f"{block}.attn.proj", width, width, has_bias=True)
        yield from gated_feed_forward(f"{block}.mlp", width, inner, has_bias=True)
    yield Expected(f"{at}.merger.ln_q.weight", (width,))
    yield from merger_tensors(vision, at, width, vision.size("out_hidden_size", 3584))


QWEN2_5_VL = Family(
    name="qwen2_5_vl",
    architectures=("Qwen2_5_VLForConditionalGeneration",),
    model_types=("qwen2_5_vl",),
    modality=Modality.MULTIMODAL,
    table=tensors,
    variants=(newer_layout(nested_tensors),),
    shape=shape,
    tokenizer_class="Qwen2TokenizerFast",
)
