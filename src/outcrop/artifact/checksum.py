"""Checksums of an object, made from those of its pieces and held against the one that the store keeps. Pure.

CRCs of pieces combine into that of the whole without another look at the bytes, so the pieces may come in any order and
from several threads; SHA-256 and SHA-1 do not, and need the bytes in order (`verify` reads them so). A composite
checksum is that of the concatenated checksums of the parts that the object was uploaded in:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from awscrt import checksums

from outcrop.records import Checksum, ChecksumType, Piece

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class _Crc:
    update: Callable[[Buffer, int], int]
    combine: Callable[[int, int, int], int]
    value_bytes: int


_CRCS = {
    "CRC64NVME": _Crc(checksums.crc64nvme, checksums.combine_crc64nvme, 8),
    "CRC32": _Crc(checksums.crc32, checksums.combine_crc32, 4),
    "CRC32C": _Crc(checksums.crc32c, checksums.combine_crc32c, 4),
}
_HASHES = {"SHA256": hashlib.sha256, "SHA1": hashlib.sha1}


def is_combinable(checksum: Checksum) -> bool:
    """Says whether a stored checksum can be made from pieces: a CRC, whole or with parts of known sizes."""
    return checksum.algorithm in _CRCS and _is_complete(checksum)


def is_sequential(checksum: Checksum) -> bool:
    """Says whether a stored checksum can be made from the bytes in order only."""
    return checksum.algorithm in _HASHES and _is_complete(checksum)


def crc64nvme(data: Buffer, before: int = 0) -> int:
    """Returns the CRC64NVME of bytes that follow those of `before`. Releases the GIL."""
    return _CRCS["CRC64NVME"].update(data, before)


def combined(pieces: Iterable[Piece], algorithm: str = "CRC64NVME") -> int:
    """Returns the CRC of consecutive pieces."""
    whole = 0
    for piece in pieces:
        whole = _CRCS[algorithm].combine(whole, piece.value, piece.size_bytes)
    return whole


def encoded(value: int, algorithm: str = "CRC64NVME") -> str:
    """Returns a CRC as S3 writes it: big-endian, base64."""
    return base64.b64encode(value.to_bytes(_CRCS[algorithm].value_bytes, "big")).decode()


class Pieces:
    """The CRCs of a range of an object, in the store's algorithm, cut where the object's parts end."""

    def __init__(self, checksum: Checksum, start: int) -> None:
        """Begins at an offset of the object."""
        self._update = _CRCS[checksum.algorithm].update
        self._ends = list(accumulate(checksum.part_bytes)) if checksum.type is ChecksumType.COMPOSITE else []
        self._place = start
        self._done: list[Piece] = []
        self._open = Piece(size_bytes=0, value=0)

    def update(self, data: memoryview) -> None:
        """Takes the bytes that follow."""
        while len(data):
            left = next((end - self._place for end in self._ends if end > self._place), len(data))
            now, data = data[:left], data[left:]
            self._open = Piece(size_bytes=self._open.size_bytes + len(now), value=self._update(now, self._open.value))
            self._place += len(now)
            if self._place in self._ends:
                self._close()

    def taken(self) -> tuple[Piece, ...]:
        """Returns the pieces of all bytes that were taken."""
        if self._open.size_bytes:
            self._close()
        return tuple(self._done)

    def _close(self) -> None:
        self._done.append(self._open)
        self._open = Piece(size_bytes=0, value=0)


def of_pieces(checksum: Checksum, pieces: Sequence[Piece]) -> str:
    """Returns what the store should keep, for a combinable checksum and all pieces of the object in order."""
    algorithm = checksum.algorithm
    if checksum.type is ChecksumType.FULL_OBJECT:
        return encoded(combined(pieces, algorithm), algorithm)
    rest, parts = list(pieces), []
    for size_bytes in checksum.part_bytes:
        mine: list[Piece] = []
        while sum(piece.size_bytes for piece in mine) < size_bytes:
            mine.append(rest.pop(0))
        parts.append(combined(mine, algorithm).to_bytes(_CRCS[algorithm].value_bytes, "big"))
    return encoded(_CRCS[algorithm].update(b"".join(parts), 0), algorithm)


class InOrder:
    """A sequential checksum, made from the bytes of an object in order."""

    def __init__(self, checksum: Checksum) -> None:
        self._new = _HASHES[checksum.algorithm]
        self._whole = self._new()
        self._is_composite = checksum.type is ChecksumType.COMPOSITE
        self._sizes = list(checksum.part_bytes)
        self._part, self._left = self._new(), self._sizes.pop(0) if self._sizes else 0

    def update(self, data: memoryview) -> None:
        """Takes the bytes that follow. Releases the GIL."""
        if not self._is_composite:
            self._whole.update(data)
            return
        while len(data):
            now, data = data[: self._left], data[self._left :]
            self._part.update(now)
            self._left -= len(now)
            if self._left == 0:
                self._whole.update(self._part.digest())
                self._part, self._left = self._new(), self._sizes.pop(0) if self._sizes else 0

    def value(self) -> str:
        """Returns what the store should keep, once all bytes were taken."""
        return base64.b64encode(self._whole.digest()).decode()


def _is_complete(checksum: Checksum) -> bool:
    return checksum.type is ChecksumType.FULL_OBJECT or bool(checksum.part_bytes)
