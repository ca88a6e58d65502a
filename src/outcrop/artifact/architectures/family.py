"""What a family of models is: its name, its classes, and the tensors that a configuration of it stands for. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from outcrop.artifact.fields import Fields
from outcrop.artifact.finding import Severity
from outcrop.artifact.fit import Shape


class Modality(StrEnum):
    """What a model reads besides text; limits differ by it (SPEC 4.3.1)."""

    TEXT = "text"
    MULTIMODAL = "multimodal"


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor that a configuration stands for."""

    name: str
    shape: tuple[int, ...]
    is_required: bool = True
    """False for copies of tied tensors, which some writers keep and some leave out."""
    packed_values: int | None = None
    """How many parameters the tensor holds where it packs them into bytes; None where each number is one."""

    @property
    def parameters(self) -> int:
        """How many of the model's parameters it holds; copies hold none."""
        if not self.is_required:
            return 0
        return prod(self.shape) if self.packed_values is None else self.packed_values


Table = Callable[[Fields], Iterator[Expected]]
"""Gives every tensor of a configuration; values that cannot be read are told by the Fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another layout that the same configuration can have on disk, and what to tell those who have it."""

    table: Table
    message: str
    cure: str
    bedrock: Severity
    """How grave it is for AWS; Outcrop's engine reads it."""


NEWER_NAMES = (
    "has its tensors laid out as transformers 5 holds them in memory, which the version that AWS expects (4.51.3) "
    "does not read."
)
NEWER_NAMES_CURE = "Save the model with save_pretrained(..., save_original_format=True), which is its default."


def newer_layout(table: Table) -> Variant:
    """The layout that transformers 5 writes when it is asked not to write the original one."""
    return Variant(table=table, message=NEWER_NAMES, cure=NEWER_NAMES_CURE, bedrock=Severity.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of architectures, as one file of this package declares it."""

    name: str
    """`modelArchitecture` on the wire (SPEC 2.4.3)."""
    architectures: tuple[str, ...]
    """Class names as `architectures` in config.json has them."""
    model_types: tuple[str, ...]
    """`model_type` as config.json has it; the readers choose the class by it."""
    modality: Modality = Modality.TEXT
    table: Table
    """The tensors as transformers writes them, and AWS reads them."""
    variants: tuple[Variant, ...] = ()
    """Other layouts, looked at when the first does not fit."""
    shape: Callable[[Fields], Shape]
    ignorable: re.Pattern[str] = re.compile(r"(?!)")
    """Names of tensors that older writers left behind and every reader passes over."""
    tokenizer_class: str = "PreTrainedTokenizerFast"
    """An accepted class (SPEC 4.2.5) that reads the family's tokenizer.json, for cures."""
    has_rope: bool = True


def text_part(config: Fields) -> Fields:
    """Returns where the members of the language model are: in `text_config`, or at the root as before it existed."""
    return config.section("text_config") if config.has("text_config") else config
