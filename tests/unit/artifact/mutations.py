"""Models with one tensor changed, in every way that a tensor can be wrong: for the tables' tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from tests.unit.artifact.models import Model, framed, snapshot_of

from outcrop.artifact.architectures import BY_ARCHITECTURE
from outcrop.artifact.fields import Fields
from outcrop.artifact.safetensors import DTYPE_BITS
from outcrop.artifact.snapshot import ModelSnapshot

INDEX = "model.safetensors.index.json"

Entries = Mapping[str, tuple[str, tuple[int, ...]]]
"""Tensor → dtype and shape."""


@dataclass(frozen=True)
class Mutation:
    """A changed set of tensors, and what has to be found: the kind, and the tensor by its name."""

    entries: Entries
    finding: str
    tensor: str


def shards_of(model: Model) -> dict[str, Entries]:
    """What each weights file of a model holds."""
    found: dict[str, Entries] = {}
    for path, data in sorted(model.files.items()):
        if path.endswith(".safetensors"):
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            header.pop("__metadata__", None)
            found[path] = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}
    return found


def tensors_of(model: Model) -> Entries:
    """All tensors of a model."""
    return {name: entry for entries in shards_of(model).values() for name, entry in entries.items()}


def required_of(model: Model) -> list[str]:
    """The model's tensors that its table, or another layout of its family, requires."""
    config = json.loads(model.files["config.json"])
    family = BY_ARCHITECTURE[config["architectures"][0]]
    tables = (family.table, *(other.table for other in family.variants))
    required = {tensor.name for table in tables for tensor in table(Fields(config)) if tensor.is_required}
    return [name for name in tensors_of(model) if name in required]


def weights_file(entries: Entries) -> tuple[bytes, int]:
    """A weights file's beginning up to its data, and the size that it is listed with."""
    header, end = {}, 0
    for name, (dtype, shape) in entries.items():
        begin, end = end, end + prod(shape) * DTYPE_BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    head = framed(header, 0)
    return head, len(head) + end


def joined(model: Model, entries: Entries) -> ModelSnapshot:
    """The model with these tensors in one file; without its template, whose rendering would only take time."""
    files = {path: data for path, data in model.files.items() if path in ("config.json", "tokenizer.json")}
    files["model.safetensors"], size = weights_file(entries)
    return snapshot_of(files, {"model.safetensors": size})


def resharded(model: Model, shards: Mapping[str, Entries], index: object) -> ModelSnapshot:
    """The model with these shards and this index."""
    files = {path: data for path, data in model.files.items() if path in ("config.json", "tokenizer.json")}
    files[INDEX] = json.dumps(index).encode()
    sizes = {}
    for path, entries in shards.items():
        files[path], sizes[path] = weights_file(entries)
    return snapshot_of(files, sizes)


def mutations(model: Model) -> Iterator[Mutation]:
    """Every required tensor, one at a time: missing, of each other shape, in a format not served, renamed, doubled."""
    entries = tensors_of(model)
    for name in required_of(model):
        dtype, shape = entries[name]
        yield Mutation({other: entry for other, entry in entries.items() if other != name}, "tensor.missing", name)
        for wrong in _other_shapes(shape):
            yield Mutation({**entries, name: (dtype, wrong)}, "tensor.misshapen", name)
        if dtype != "U8":  # as GPT-OSS's packed experts are
            yield Mutation({**entries, name: ("F8_E4M3", shape)}, "tensor.precision", name)
        yield Mutation({**entries, f"{name}_copy": (dtype, shape)}, "tensor.unexpected", f"{name}_copy")


def _other_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for axis in range(len(shape)):
        yield (*shape[:axis], shape[axis] + 1, *shape[axis + 1 :])
        yield (*shape[:axis], shape[axis] * 2, *shape[axis + 1 :])
    yield (1, *shape)
    if shape != shape[::-1]:
        yield shape[::-1]
