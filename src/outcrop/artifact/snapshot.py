"""What was read of a model before anything is copied, and the pure decisions of what to read. Does no reading itself.

A snapshot holds every file's path and size, the small files whole, and of each weights file the header that says
which tensors it holds. That is everything that the rules see: a few MB of a model of any size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.artifact.contents import SNIFF_BYTES
from outcrop.artifact.paths import is_folder_marker, trick

_MIB = 2**20

READ_WHOLE: Mapping[str, int] = {
    "config.json": 2 * _MIB,
    "generation_config.json": _MIB,
    "model.safetensors.index.json": 16 * _MIB,
    "tokenizer.json": 48 * _MIB,
    "tokenizer_config.json": 8 * _MIB,
    "special_tokens_map.json": _MIB,
    "added_tokens.json": 4 * _MIB,
    "chat_template.jinja": _MIB,
    "chat_template.json": _MIB,
    "preprocessor_config.json": _MIB,
    "processor_config.json": _MIB,
    "video_preprocessor_config.json": _MIB,
    "adapter_config.json": _MIB,
}
"""The files that are read whole, by exact name, and the size beyond which nobody's file is and none is read."""

READ_BEGINNING = frozenset(
    {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt", "merges.txt"}
)
"""Files that are copied unread, but for a look at whether they are what their names say."""

FIRST_READ = 64 * 1024
"""Bytes of a weights file read at once: enough for the header of every shard but those of the largest mixtures."""

LENGTH_BYTES = 8
"""The little-endian length that a safetensors file begins with."""

LARGEST_HEADER = 100_000_000
"""The format's own cap."""

MOST_HEADER_BYTES = 32 * _MIB
"""Header bytes of all weights files together. 36,000 tensors, the most of any supported model, take 5 MB."""

MOST_WEIGHT_FILES = 2000
"""The largest published models have 200 shards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSnapshot:
    """A model as far as the rules need to know it. Paths are relative to the prefix."""

    sizes: Mapping[str, int]
    """Every file and the size that the listing gives it."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The small files, whole."""
    heads: Mapping[str, bytes] = field(default_factory=dict)
    """How other files begin; of a weights file the length and the whole header, if it could be read."""
    present: Mapping[str, int] = field(default_factory=dict)
    """Files that ended earlier than their size: how many bytes there are."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Files that are needed and cannot be read by anybody now: `archived` or `customer_key`."""

    def size(self, path: str) -> int:
        """Bytes that are really there, as far as that is known."""
        return self.present.get(path, self.sizes[path])

    @property
    def weights(self) -> Sequence[str]:
        """Every safetensors file at the top level, in order."""
        return weights_of(self.sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPlan:
    """What to read of a listed model."""

    whole: tuple[str, ...]
    beginnings: Mapping[str, int]
    """Path → bytes to read at first."""


def plan_reading(sizes: Mapping[str, int]) -> ReadingPlan:
    """Decides what to read; paths that play tricks and files beyond their cap are left for the rules to tell."""
    readable = {path: size for path, size in sizes.items() if trick(path) is None and not is_folder_marker(path, size)}
    return ReadingPlan(
        whole=tuple(path for path, cap in READ_WHOLE.items() if readable.get(path, cap + 1) <= cap),
        beginnings={
            **{path: min(size, SNIFF_BYTES) for path, size in readable.items() if path in READ_BEGINNING},
            **{path: min(readable[path], FIRST_READ) for path in weights_of(readable)[:MOST_WEIGHT_FILES]},
        },
    )


def weights_of(paths: Mapping[str, int]) -> list[str]:
    """Returns the safetensors files at the top level, in order."""
    return sorted(path for path in paths if path.endswith(".safetensors") and "/" not in path)


def header_end(head: bytes) -> int | None:
    """Returns where the header ends that a weights file begins with; None when there is none, or it is over the cap."""
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head[:LENGTH_BYTES], "little")
    return LENGTH_BYTES + length if length <= LARGEST_HEADER else None
