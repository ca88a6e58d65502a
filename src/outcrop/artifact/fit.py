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


def judge_memory(host: Host, *, weight_bytes: int, shape: Shape) -> Iterator[Finding]:
    """Judges whether the model can be loaded where it is to run, and used with its whole context."""
    loaded = weight_bytes * (100 + ENGINE_PERCENT) // 100
    if host.accelerator_bytes is None:
        rooms = [(loaded, host.memory_bytes, "this machine", True)]
    else:
        rooms = [
            (weight_bytes, host.memory_bytes, "this machine, through whose memory they are loaded,", True),
            (loaded, host.accelerator_bytes, "its accelerators", not host.splits_weights),
        ]
    lacking = [_too_small(host, needed, there, where, is_needed) for needed, there, where, is_needed in rooms]
    found = [each for each in lacking if each is not None]
    yield from found
    _, there, where, _ = rooms[-1]
    if not found and there is not None:
        yield from _judge_context(there, where, loaded=loaded, shape=shape)


def _too_small(host: Host, needed: int, there: int | None, where: str, is_needed: bool) -> Finding | None:  # noqa: FBT001  # from the table above
    if there is None or needed <= there:
        return None
    severity = Severity.ERROR if host.must_run and is_needed else None
    return MEMORY.found(
        "",
        f"The weights take {rounded(needed)} of memory; {where} has {rounded(there)}.",
        cure="Run it on a larger machine, or take a smaller model of its family.",
        expected=f"at least {needed} bytes",
        actual=f"{there} bytes",
        outcrop=severity,
        bedrock=severity,
    )


def _judge_context(there: int, where: str, *, loaded: int, shape: Shape) -> Iterator[Finding]:
    tokens = (there - loaded) // max(1, shape.cache_bytes_per_token * (100 + ENGINE_PERCENT) // 100)
    if tokens < shape.context:
        needed = shape.cache_bytes_per_token * shape.context
        yield CONTEXT.found(
            "",
            f"The model fits into the memory of {where}, but not with its whole context: {shape.context:,} tokens take "
            f"{rounded(needed)} more; about {counted(tokens, 'token')} fit.",
            cure="Keep prompts and answers shorter than that, or run it on a larger machine.",
            expected=f"{shape.context} tokens",
            actual=f"{tokens} tokens",
        )
