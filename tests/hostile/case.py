"""What a hostile model is, and the ways to make one. The corpus is beside: made by code, so that all can read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.artifact.models import Model, framed, healthy, sharded

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
FIRST = "model-00001-of-00002.safetensors"


@dataclass(frozen=True)
class Case:
    """A hostile model."""

    name: str
    model: Callable[[], Model]
    """Made when it is needed: some are large."""
    findings: frozenset[str]
    """The ids that refuse it, all of which have to be found."""


CASES: list[Case] = []


def case(name: str, *findings: str) -> Callable[[Callable[[], Model]], Callable[[], Model]]:
    """Adds what a function makes to the corpus."""

    def add(make: Callable[[], Model]) -> Callable[[], Model]:
        CASES.append(Case(name, make, frozenset(findings)))
        return make

    return add


def weighing(data: bytes, size: int | None = None) -> Model:
    """A model whose weights file begins with these bytes and is listed with a size."""
    return Model({**healthy().files, SINGLE: data}, {} if size is None else {SINGLE: size})


def headed(header: bytes | Mapping[str, Any], data_bytes: int = 0) -> Model:
    """A model whose weights file has this header."""
    return weighing(framed(header, data_bytes))


def indexed(index: Any) -> Model:
    """A sharded model with this index."""
    return sharded().having({INDEX: index if isinstance(index, bytes) else json.dumps(index).encode()})


def templated(template: str) -> Model:
    """A model with this chat template."""
    return healthy().having({"chat_template.jinja": template.encode()})


def configured(text: bytes) -> Model:
    """A model with this config.json."""
    return healthy().having({"config.json": text})
