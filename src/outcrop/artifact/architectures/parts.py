"""The parts that decoder families share: projections, attention, feed-forward and the frame around the layers. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from outcrop.artifact.architectures.family import Expected
from outcrop.artifact.fields import Fields
from outcrop.artifact.fit import Shape


@dataclass(frozen=True, slots=True)
class Attention:
    """The sizes of one layer's attention."""

    hidden: int
    heads: int
    key_value_heads: int
    head: int


def attention_sizes(config: Fields, *, key_value_heads: int | None = None, head: int | None = None) -> Attention:
    """Reads the sizes of attention; the arguments are what the family's class takes where the config says nothing.

    An explicit null means the general rule: a key for each head, and heads that share the width.
    """
    hidden, heads = config.size("hidden_size"), config.size("num_attention_heads")
    shared = key_value_heads if key_value_heads is not None and config.is_absent("num_key_value_heads") else heads
    each = head if head is not None and config.is_absent("head_dim") else max(1, hidden // heads)
    return Attention(
        hidden=hidden,
        heads=heads,
        key_value_heads=config.size("num_key_value_heads", shared),
        head=config.size("head_dim", each),
    )


def decoder_shape(config: Fields, *, key_value_heads: int | None = None, head: int | None = None) -> Shape:
    """Reads the shape of a decoder in the usual members."""
    sizes = attention_sizes(config, key_value_heads=key_value_heads, head=head)
    return Shape(
        layers=len(config.layers("num_hidden_layers")),
        key_value_heads=sizes.key_value_heads,
        head_size=sizes.head,
        context=config.size("max_position_embeddings"),
        vocabulary=config.size("vocab_size"),
    )


def linear(name: str, outputs: int, inputs: int, *, has_bias: bool = False) -> Iterator[Expected]:
    """A projection, its rows the outputs."""
    yield Expected(f"{name}.weight", (outputs, inputs))
    if has_bias:
        yield Expected(f"{name}.bias", (outputs,))


def layer_norm(name: str, size: int) -> Iterator[Expected]:
    """A normalisation with scale and shift."""
    yield Expected(f"{name}.weight", (size,))
    yield Expected(f"{name}.bias", (size,))


def attention(
    at: str,
    sizes: Attention,
    *,
    has_input_bias: bool = False,
    has_output_bias: bool = False,
    has_head_norms: bool = False,
) -> Iterator[Expected]:
    """Queries, keys, values and output, with the keys and values of fewer heads where they are shared."""
    queries, shared = sizes.heads * sizes.head, sizes.key_value_heads * sizes.head
    yield from linear(f"{at}.q_proj", queries, sizes.hidden, has_bias=has_input_bias)
    yield from linear(f"{at}.k_proj", shared, sizes.hidden, has_bias=has_input_bias)
    yield from linear(f"{at}.v_proj", shared, sizes.hidden, has_bias=has_input_bias)
    yield from linear(f"{at}.o_proj", sizes.hidden, queries, has_bias=has_output_bias)
    if has_head_norms:
        yield Expected(f"{at}.q_norm.weight", (sizes.head,))
        yield Expected(f"{at}.k_norm.weight", (sizes.head,))


def mixture(
    at: str,
    hidden: int,
    inner: int,
    experts: int,
    *,
    gate: str = "gate_proj",
    up: str = "up_proj",
    down: str = "down_proj",
) -> Iterator[Expected]:
    """Experts, each with its own three projections, below `{at}.experts`, and the router `{at}.gate`."""
    yield from linear(f"{at}.gate", experts, hidden)
    for expert in range(experts):
        yield from linear(f"{at}.experts.{expert}.{gate}", inner, hidden)
        yield from linear(f"{at}.experts.{expert}.{up}", inner, hidden)
        yield from linear(f"{at}.experts.{expert}.{down}", hidden, inner)


def joined_mixture(at: str, hidden: int, inner: int, experts: int) -> Iterator[Expected]:
    """The same experts as transformers 5 holds them: two tensors for all of them."""
    yield from linear(f"{at}.gate", experts, hidden)
    yield Expected(f"{at}.experts.gate_up_proj", (experts, 2 * inner, hidden))
    yield Expected(f"{at}.experts.down_proj", (experts, hidden, inner))


def gated_feed_forward(at: str, hidden: int, inner: int, *, has_bias: bool = False) -> Iterator[Expected]:
    """Gate, up and down projections."""
    yield from linear(f"{at}.gate_proj", inner, hidden, has_bias=has_bias)
    yield from linear(f"{at}.up_proj", inner, hidden, has_bias=has_bias)
    yield from linear(f"{at}.down_proj", hidden, inner, has_bias=has_bias)


def decoder(
    config: Fields,
    layer: Callable[[str, int], Iterator[Expected]],
    *,
    at: str = "model",
    head: str = "lm_head",
    is_tied: bool,
    extra_rows: int = 0,
) -> Iterator[Expected]:
    """A decoder: embeddings, layers with a norm before each half, a last norm, and the head.

    `layer` gives a layer's tensors but for the norms, from its path and number. A tied head repeats the embeddings:
    most writers leave it out, and readers pass over it where it is there. Some embeddings have more rows than words.
    """
    hidden, vocabulary = config.size("hidden_size"), config.size("vocab_size")
    yield Expected(f"{at}.embed_tokens.weight", (vocabulary + extra_rows, hidden))
    for number in config.layers("num_hidden_layers"):
        path = f"{at}.layers.{number}"
        yield from layer(path, number)
        yield Expected(f"{path}.input_layernorm.weight", (hidden,))
        yield Expected(f"{path}.post_attention_layernorm.weight", (hidden,))
    yield Expected(f"{at}.norm.weight", (hidden,))
    yield Expected(f"{head}.weight", (vocabulary, hidden), is_required=not is_tied)
