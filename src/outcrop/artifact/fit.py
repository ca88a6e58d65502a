"""What it takes to hold and run a model: precisions, sizes and memory. Pure arithmetic.

Memory to load is an estimate that users can check by hand:

    weights as stored  +  key/value cache of one sequence of the full context, in 16 bits  +  10 % for the engine

Without accelerators all of it has to fit into the machine's memory. With them it has to fit there; and the weights,
while they are loaded, into the machine's memory too (decision 0007).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from outcrop.artifact.finding import Finding, Kind, Severity
from outcrop.artifact.host import Host
from outcrop.artifact.wording import counted, rounded
from outcrop.records import JsonObject, JsonValue

ENGINE_PERCENT = 10
"""Memory that engines take besides weights and cache."""

# AWS runs models on machines of its own, so that this one's memory says nothing about Bedrock.
MEMORY = Kind("fit.memory", Severity.WARNING, Severity.NOTE)
"""The weights do not fit into this machine's memory, or its accelerators'. An error of an import. Do: run the model on
a larger machine."""
CONTEXT = Kind("fit.context", Severity.WARNING, Severity.NOTE)
"""The model fits, but not with its whole context. Do: keep conversations shorter, or take a larger machine."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """A memory, and what has to go into it."""

    needed_bytes: int
    bytes: int | None
    """None: not known."""
    has: str
    """Who has it, as a sentence goes on."""
    is_decisive: bool = True
    """Whether the engine cannot do with less."""

    @property
    def is_enough(self) -> bool:
        return self.bytes is None or self.needed_bytes <= self.bytes


def judge_memory(host: Host, *, weight_bytes: int, shape: Shape) -> Iterator[Finding]:
    """Judges whether the model can be loaded where it is to run, and used with its whole context."""
    loaded = weight_bytes * (100 + ENGINE_PERCENT) // 100
    if host.accelerator_bytes is None:
        rooms = [_Room(needed_bytes=loaded, bytes=host.memory_bytes, has="this machine has")]
    else:
        rooms = [
            _Room(
                needed_bytes=weight_bytes,
                bytes=host.memory_bytes,
                has="this machine, through whose memory they are loaded, has",
            ),
            _Room(
                needed_bytes=loaded,
                bytes=host.accelerator_bytes,
                has="the accelerators have",
                is_decisive=not host.splits_weights,
            ),
        ]
    yield from (_too_small(room, host) for room in rooms if not room.is_enough)
    if all(room.is_enough for room in rooms):
        yield from _judge_context(rooms[-1], shape)


def _too_small(room: _Room, host: Host) -> Finding:
    severity = Severity.ERROR if host.must_run and room.is_decisive else None
    return MEMORY.found(
        "",
        f"The weights take {rounded(room.needed_bytes)} of memory; {room.has} {rounded(room.bytes or 0)}.",
        cure="Run it on a larger machine, or take a smaller model of its family.",
        expected=f"at least {room.needed_bytes} bytes",
        actual=f"{room.bytes} bytes",
        outcrop=severity,
        bedrock=severity,
    )


def _judge_context(room: _Room, shape: Shape) -> Iterator[Finding]:
    if room.bytes is None:
        return
    each = max(1, shape.cache_bytes_per_token * (100 + ENGINE_PERCENT) // 100)
    tokens = (room.bytes - room.needed_bytes) // each
    if tokens < shape.context:
        needed = each * shape.context
        yield CONTEXT.found(
            "",
            f"The model can be loaded, but not with its whole context: {shape.context:,} tokens take {rounded(needed)} "
            f"besides, and {room.has} {rounded(room.bytes)}; about {counted(tokens, 'token')} fit.",
            cure="Keep prompts and answers shorter than that, or run it on a larger machine.",
            expected=f"{shape.context} tokens",
            actual=f"{tokens} tokens",
        )
