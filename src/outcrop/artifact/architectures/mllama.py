"""Mllama (Llama 3.2 vision): Llama with layers of cross-attention to a tiled vision tower."""

from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.artifact.architectures.family import Expected, Family, Modality, newer_layout
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

_KEY_VALUE_HEADS = 8
_CROSS_ATTENTION_LAYERS = (3, 8, 13, 18, 23, 28, 33, 38)
_ASPECT_RATIOS = 8
"""What MllamaConfig takes where the config does not say."""

_EXTRA_ROWS = 8
"""Embeddings beyond the vocabulary, for the image token and its kin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts are among the names."""

    language: str
    head: str
    vision: str
    projector: str


def tensors(config: Fields) -> Iterator[Expected]:
    """Every tensor of a MllamaForConditionalGeneration."""
    yield from _tensors(
        config,
        Places(
            language="language_model.model",
            head="language_model.lm_head",
            vision="vision_model",
            projector="multi_modal_projector",
        ),
    )


def nested_tensors(config: Fields) -> Iterator[Expected]:
    """The same under the names that transformers 5 uses within."""
    yield from _tensors(
        config,
        Places(
            language="model.language_model",
            head="lm_head",
            vision="model.vision_model",
            projector="model.multi_modal_projector",
        ),
    )


def _tensors(config: Fields, places: Places) -> Iterator[Expected]:
    text, vision = config.section("text_config"), config.section("vision_config")
    yield from _language_tensors(text, places)
    yield from _vision_tensors(vision, places.vision)
    outputs = text.size("hidden_size")
    yield from linear(places.projector, outputs, vision.size("vision_output_dim", 7680), has_bias=True)


def _language_tensors(text: Fields, places: Places) -> Iterator[Expected]:
    sizes = attention_sizes(text, key_value_heads=_KEY_VALUE_HEADS)
    inner = text.size("intermediate_size")
    crossed = frozenset(text.integers("cross_attention_layers", _CROSS_ATTENTION_LAYERS))

    def layer(at: str, number: int) -> Iterator[Expected]:
        if number in crossed:
            yield from attention(f"{at}.cross_attn", sizes, has_head_norms=True)
            yield Expected(f"{at}.cross_attn_attn_gate", (1,))
            yield Expected(f"{at}.cross_attn_mlp_gate", (1,))
        else:
            yield from attention(f"{at}.self_attn", sizes)
        yield from gated_feed_forward(f"{at}.mlp", sizes.hidden, inner)

    is_tied = text.flag("tie_word_embeddings", default=False)
    yield from decoder(text, layer, at=places.language, head=places.head, is_tied=is_tied, extra_rows=_EXTRA_ROWS)


def _vision_tensors(vision: Fields, at: str) -> Iterator[Expected]:
    width = vision.size("hidden_size", 1280)
    patch, tiles = vision.size("patch_size", 14), vision.size("max_num_tiles", 4)
    patches = (vision.size("image_size", 448) // patch) ** 2 + 1
    ratios = vision.count("supported_aspect_ratios", _ASPECT_RATIOS) + 1
    yield Expected(f"{at}.patch_embedding.weight", (width, vision.size("num_channels", 3), patch, patch))
    yield Expected(f"{at}.class_embedding", (width,))
    yield Expected(f"{at}.gated_positional_embedding.embedding", (patches, width))
    yield Expected(f"{at}.gated_positional_embedding.gate", (1,))
    yield Expected(f"{at}.gated_positional_embedding.tile_embedding.weight", (ratios, tiles * patches * width))
    for position in ("pre_tile_positional_embedding", "post_tile_positional_embedding"):
        yield Expected(f"{at}.{position}.embedding.weight", (ratios, tiles * width))
        yield Expected(f"{at}.{position}.gate", (1,))
    yield from layer_norm(f"{at}.layernorm_pre", width)
    yield from layer_norm(f"{at}.layernorm_post", width)
    inner = vision.size("intermediate_size", 5120)
    for number in vision.layers("num_hidden_layers", 32):
        yield from _vision_layer(f"{at}.transformer.layers.{number}", width, inner)
    for number in vision.layers("num_global_layers", 8):
        layer = f"{at}.global_transformer.layers.{number}"
        yield from _vision_layer(layer, width, inner)
        yield Expected(f"{layer}.gate_attn", (1,))
        yield Expected(f"{layer}.gate_ffn", (1,))


def _vision_layer(at: str, width: int, inner: int) -> Iterator[Expected]:
    for projection in ("q_proj", "k_proj", "v_proj", "o_proj"):
        yield from linear(f"{at}.self_attn.{projection}", width, width)
    yield from layer_norm(f"{at}.input_layernorm", width)
    yield from layer_norm(f"{at}.post_attention_layernorm", width)
    yield from linear(f"{at}.mlp.fc1", inner, width, has_bias=True)
    yield from linear(f"{at}.mlp.fc2", width, inner, has_bias=True)


def shape(config: Fields) -> Shape:
    """The shape of the language model, which memory is counted by."""
    return decoder_shape(config.section("text_config"), key_value_heads=_KEY_VALUE_HEADS)


MLLAMA = Family(
    name="mllama",
    architectures=("MllamaForConditionalGeneration",),
    model_types=("mllama",),
    modality=Modality.MULTIMODAL,
    table=tensors,
    variants=(newer_layout(nested_tensors),),
    shape=shape,
)
