"""How far the writing of an artifact is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A large sealed file that is being written into a vault, part by part."""

    artifact_id: str
    path: str
    id: str
    """The vault's own name for it."""
    size_bytes: int
    """Size of the whole sealed file."""
    part_bytes: int
    """Size of every part but the last."""

    @property
    def part_count(self) -> int:
        """How many parts the file has; an empty one has one, empty."""
        return max(1, -(-self.size_bytes // self.part_bytes))

    def size_of(self, number: int) -> int:
        """Returns the size of a part, in bytes."""
        return min(self.part_bytes, self.size_bytes - number * self.part_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A checksum of consecutive bytes of an object."""

    size_bytes: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """A part of an upload that is in the vault."""

    number: int
    """From 0."""
    receipt: str
    """What the vault wants to hear of the part when the file is finished."""
    crc64nvme: int
    """Of the part's plaintext."""
    pieces: tuple[Piece, ...] = ()
    """Of the part's plaintext, in the algorithm of the source's checksum, cut where the source's parts end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSoFar:
    """What is known to be in the vault of a file whose copy may have been interrupted."""

    upload: Upload
    header: bytes
    """The header of the sealed file, which holds what its key is derived from."""
    parts: Mapping[int, SealedPart]
    """By number."""
