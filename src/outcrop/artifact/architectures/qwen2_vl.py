"""Qwen2-VL: Qwen2 behind a vision tower. The text's members are at the root, or in `text_config` since 4.52."""

from collections.abc import Iterator

from outcrop.artifact.architectures.family import Expected, Family, Modality, newer_layout, text_part
from outcrop.artifact.architectures.parts import (
    attention,
    attention_sizes,
    decoder,
    decoder_shape,
    gated_feed_forward,
    layer_norm,
    linear,
)
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a Qwen2VLForConditionalGeneration."""
    yield from language_tensors(config, "model")
    yield from _vision_tensors(config.section("vision_config"), "visual")


def nested_tensors(config: Fields) -> Iterator[Expected]:
    """The same under the names that transformers 5 uses within."""
    yield from language_tensors(config, "model.language_model")
    yield from _vision_tensors(config.section("vision_config"), "model.visual")


def language_tensors(config: Fields, at: str) -> Iterator[Expected]:
    """The language model, which Qwen2.5-VL shares."""
    text = text_part(config)
    sizes = attention_sizes(text)
    inner = text.size("intermediate_size")

    def layer(path: str, _: int) -> Iterator[Expected]:
        yield from attention(f"{path}.self_attn", sizes, has_input_bias=True)
        yield from gated_feed_forward(f"{path}.mlp", sizes.hidden, inner)

    is_tied = config.flag("tie_word_embeddings", default=False) or text.flag("tie_word_embeddings", default=False)
    yield from decoder(text, layer, at=at, is_tied=is_tied)


def patch_tensors(vision: Fields, at: str, width: int) -> Iterator[Expected]:
    """The convolution that turns patches of frames into vectors, which Qwen2.5-VL shares."""
    channels = vision.size("in_channels", vision.size("in_chans", 3))
    patch = vision.size("patch_size", 14)
    yield Expected(
        f"{at}.patch_embed.proj.weight", (width, channels, vision.size("temporal_patch_size", 2), patch, patch)
    )


def merger_tensors(vision: Fields, at: str, width: int, outputs: int) -> Iterator[Expected]:
    """The two layers that join neighbouring patches, without the norm before them."""
    joined = width * vision.size("spatial_merge_size", 2) ** 2
    yield from linear(f"{at}.merger.mlp.0", joined, joined, has_bias=True)
    yield from linear(f"{at}.merger.mlp.2", outputs, joined, has_bias=True)


def _vision_tensors(vision: Fields, at: str) -> Iterator[Expected]:
    width = vision.size("embed_dim", 1280)
    inner = width * vision.size("mlp_ratio", 4)
    yield from patch_tensors(vision, at, width)
    for number in vision.layers("depth", 32):
        block = f"{at}.blocks.{number}"
        yield from layer_norm(f"{block}.norm1", width)
        yield from layer_norm(f"{block}.norm2", width)
        yield from linear(f"{block}.attn.qkv", 3 * width, width, has_bias=True)
        yield from linear(f"{block}.attn.proj", width, width, has_bias=True)
        yield from linear(f"{block}.mlp.fc1", inner, width, has_bias=True)
        yield from linear(f"{block}.mlp.fc2", width, inner, has_bias=True)
    yield from layer_norm(f"{at}.merger.ln_q", width)
    yield from merger_tensors(vision, at, width, vision.size("hidden_size", 3584))


def shape(config: Fields) -> Shape:
    """The shape of the language model, which memory is counted by."""
    return decoder_shape(text_part(config))


QWEN2_VL = Family(
    name="qwen2_vl",
    architectures=("Qwen2VLForConditionalGeneration",),
    model_types=("qwen2_vl",),
    modality=Modality.MULTIMODAL,
    table=tensors,
    variants=(newer_layout(nested_tensors),),
    shape=shape,
    tokenizer_class="Qwen2TokenizerFast",
)
