"""What the weights say of a model's sizes where config.json says otherwise: one cause of hundreds of findings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from outcrop.artifact.architectures.family import Expected
from outcrop.artifact.safetensors import Tensor
from outcrop.artifact.wording import counted

EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "shared.weight")

_LAYER = re.compile(r"(?:.*\.)?(?:layers|h|block|blocks)\.(?=(\d{1,6})\.)")


@dataclass(frozen=True, slots=True)
class Sizing:
    """Where config.json and the weights differ as a whole."""

    layers: Mapping[str, tuple[int, int]]
    """Path of a stack of layers → how many config.json gives, and how many the weights have."""
    width: tuple[int, int] | None
    """The width of the embeddings that config.json gives, and that of the weights."""

    def layers_cure(self, name: str) -> str | None:
        """Returns what to do about a tensor that is there, or not, since the number of layers differs."""
        stack, number = _layer(name)
        given, there = self.layers.get(stack, (0, 0))
        if not min(given, there) <= number < max(given, there):
            return None
        return (
            f"config.json gives {counted(given, 'layer')} below {stack.removesuffix('.')}, and the weights have "
            f"{there}: correct the number in config.json, or upload the weights that belong to it."
        )

    def width_cure(self) -> str | None:
        """Returns what to do about shapes that differ since the width does."""
        if self.width is None:
            return None
        given, there = self.width
        return (
            f"config.json gives a width of {given}, and the embeddings have {there}: it seems to be of another size "
            "of the model. Upload the config.json that belongs to the weights."
        )


def compare_sizes(expected: Mapping[str, Expected], there: Mapping[str, Tensor]) -> Sizing:
    """Counts layers, and looks at the embeddings."""
    given, found = _stacks(expected), _stacks(there)
    widths = [
        (wanted.shape[1], there[name].shape[1])
        for name, wanted in expected.items()
        if name.endswith(EMBEDDINGS) and name in there and len(there[name].shape) == len(wanted.shape)
    ]
    return Sizing(
        layers={
            stack: (given[stack], found[stack]) for stack in given if stack in found and given[stack] != found[stack]
        },
        width=next((pair for pair in widths if pair[0] != pair[1]), None),
    )


def _stacks(names: Iterable[str]) -> dict[str, int]:
    """Returns how many layers each stack has: one more than the highest number."""
    counts: dict[str, int] = {}
    for name in names:
        stack, number = _layer(name)
        if number >= 0:
            counts[stack] = max(counts.get(stack, 0), number + 1)
    return counts


def _layer(name: str) -> tuple[str, int]:
    found = _LAYER.match(name)
    return (found[0], int(found[1])) if found else ("", -1)
