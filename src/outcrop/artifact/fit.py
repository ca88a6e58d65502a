"""What it takes to hold and run a model: precisions, sizes and memory. Pure arithmetic.

Memory to load is an estimate that users can check by hand:

    weights as stored  +  key/value cache of one sequence of the full context, in 16 bits  +  10 % for the engine
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from outcrop.records import JsonObject, JsonValue

ENGINE_PERCENT = 10
"""Memory that engines take besides weights and cache."""

BYTES_PER_VALUE = 2
"""Weights and cache are served in 16 bits, whatever precision they are stored in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a model's attention, which decide how much memory a sequence takes."""

    layers: int
    key_value_heads: int
    head_size: int
    context: int
    vocabulary: int

    @property
    def cache_bytes_per_token(self) -> int:
        """Keys and values of one token in all layers."""
        return 2 * self.layers * self.key_value_heads * self.head_size * BYTES_PER_VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a model takes to run, for those who choose where."""

    modality: str
    """`text` or `multimodal`."""
    precisions: tuple[str, ...]
    """Number formats of the weights, as safetensors names them, most bytes first."""
    tensors: int
    weight_files: int
    vocabulary: int
    cache_bytes_per_token: int
    memory_bytes: int
    """Estimate of the memory that loading the model and serving one full sequence takes."""

    def to_json(self) -> JsonObject:
        """Returns the members under their own names."""
        return {**asdict(self), "precisions": list(self.precisions)}

    @classmethod
    def from_json(cls, document: JsonObject) -> Fit:
        """Reads what `to_json` wrote."""
        return cls(
            modality=str(document["modality"]),
            precisions=tuple(str(name) for name in cast("Sequence[JsonValue]", document["precisions"])),
            tensors=cast("int", document["tensors"]),
            weight_files=cast("int", document["weight_files"]),
            vocabulary=cast("int", document["vocabulary"]),
            cache_bytes_per_token=cast("int", document["cache_bytes_per_token"]),
            memory_bytes=cast("int", document["memory_bytes"]),
        )


def memory_bytes(*, weight_bytes: int, shape: Shape) -> int:
    """Estimates the memory that loading a model and serving one full sequence takes."""
    return (weight_bytes + shape.cache_bytes_per_token * shape.context) * (100 + ENGINE_PERCENT) // 100
