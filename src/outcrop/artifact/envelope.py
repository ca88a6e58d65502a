"""Sealed files: Tink's streaming AEAD, AES256-GCM-HKDF-1MB, written and read at any segment. Pure.

A sealed file is a 40-byte header and segments of 1 MiB ciphertext, each ending with a 16-byte tag; the first segment
is shorter by the header, the last by whatever is missing:

    header   1 byte length (40) ‖ 32 bytes salt ‖ 7 bytes nonce prefix
    key      HKDF-SHA256(data key, salt, info = associated data), 32 bytes
    nonce    prefix ‖ segment number, 4 bytes big endian ‖ 1 if last else 0

The format is published (https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming) and read by Tink's
own libraries. Segments can be sealed and opened in any order and in parallel: only their number enters the nonce.
A file that was cut, reordered or moved to another name fails authentication.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from outcrop.errors import IntegrityError

KEY_BYTES = 32
SALT_BYTES = 32
NONCE_PREFIX_BYTES = 7
HEADER_BYTES = 1 + SALT_BYTES + NONCE_PREFIX_BYTES
SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16
FIRST_SEGMENT_PLAIN_BYTES = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
SEGMENT_PLAIN_BYTES = SEGMENT_BYTES - TAG_BYTES

Buffer = bytes | bytearray | memoryview


def segment_count(plain_bytes: int) -> int:
    """Returns how many segments a file of this plaintext size has; an empty file has one, empty."""
    rest = max(0, plain_bytes - FIRST_SEGMENT_PLAIN_BYTES)
    return 1 + -(-rest // SEGMENT_PLAIN_BYTES)


def sealed_size(plain_bytes: int) -> int:
    """Returns the size of the sealed file, in bytes."""
    return HEADER_BYTES + plain_bytes + TAG_BYTES * segment_count(plain_bytes)


def plain_start(segment: int) -> int:
    """Returns the plaintext offset at which a segment begins."""
    return 0 if segment == 0 else FIRST_SEGMENT_PLAIN_BYTES + (segment - 1) * SEGMENT_PLAIN_BYTES


def sealed_start(segment: int) -> int:
    """Returns the offset in the sealed file at which a segment's ciphertext begins."""
    return HEADER_BYTES if segment == 0 else segment * SEGMENT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive segments of a file: the unit that is read, sealed and written at once."""

    first: int
    stop: int
    """One past the last segment."""
    plain_begin: int
    plain_end: int

    @property
    def plain_bytes(self) -> int:
        """Plaintext size of the run."""
        return self.plain_end - self.plain_begin

    @property
    def sealed_begin(self) -> int:
        """Offset of the run's ciphertext in the sealed file."""
        return sealed_start(self.first)

    @property
    def sealed_bytes(self) -> int:
        """Ciphertext size of the run, tags included."""
        return self.plain_bytes + TAG_BYTES * (self.stop - self.first)

    def segments(self) -> Iterator[Run]:
        """Yields each segment as a run of its own."""
        for number in range(self.first, self.stop):
            begin, end = plain_start(number), min(plain_start(number + 1), self.plain_end)
            yield Run(first=number, stop=number + 1, plain_begin=begin, plain_end=end)


def runs(plain_bytes: int, segments_each: int) -> list[Run]:
    """Cuts a file into runs of at most `segments_each` segments, in order."""
    count = segment_count(plain_bytes)
    return [
        Run(
            first=first,
            stop=min(first + segments_each, count),
            plain_begin=plain_start(first),
            plain_end=min(plain_start(min(first + segments_each, count)), plain_bytes),
        )
        for first in range(0, count, segments_each)
    ]


class SealedFile:
    """Seals and opens the segments of one file. Instances may be used by several threads at once."""

    def __init__(self, *, data_key: bytes, associated_data: bytes, plain_bytes: int, header: bytes) -> None:
        if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
            raise IntegrityError("a sealed file does not begin with a header of this format")
        self.header = header
        self.plain_bytes = plain_bytes
        self._last = segment_count(plain_bytes) - 1
        self._prefix = header[1 + SALT_BYTES :]
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header[1 : 1 + SALT_BYTES], info=associated_data)
        self._aead = AESGCM(derived.derive(data_key))

    def seal(self, run: Run, plaintext: Buffer, out: bytearray | memoryview) -> None:
        """Seals a run into `out`, which has room for exactly `run.sealed_bytes`. Releases the GIL while it works."""
        source, target = memoryview(plaintext), memoryview(out)
        for segment in range(run.first, run.stop):
            begin, end = self._plain_range(segment, run)
            offset = begin + TAG_BYTES * (segment - run.first)
            self._aead.encrypt_into(
                self._nonce(segment), source[begin:end], None, target[offset : offset + end - begin + TAG_BYTES]
            )

    def open(self, run: Run, ciphertext: Buffer, out: bytearray | memoryview) -> None:
        """Opens a run into `out`, which has room for exactly `run.plain_bytes`. Raises IntegrityError."""
        source, target = memoryview(ciphertext), memoryview(out)
        if len(source) != run.sealed_bytes:
            raise IntegrityError("a sealed file is shorter than its manifest says")
        for segment in range(run.first, run.stop):
            begin, end = self._plain_range(segment, run)
            offset = begin + TAG_BYTES * (segment - run.first)
            try:
                self._aead.decrypt_into(
                    self._nonce(segment), source[offset : offset + end - begin + TAG_BYTES], None, target[begin:end]
                )
            except InvalidTag:
                raise IntegrityError(f"segment {segment} of a sealed file fails authentication") from None

    def _plain_range(self, segment: int, run: Run) -> tuple[int, int]:
        """Where a segment's plaintext lies within the run."""
        begin = plain_start(segment) - run.plain_begin
        return begin, min(plain_start(segment + 1), self.plain_bytes) - run.plain_begin

    def _nonce(self, segment: int) -> bytes:
        return self._prefix + segment.to_bytes(4, "big") + (b"\1" if segment == self._last else b"\0")


def new_header(random_bytes: bytes) -> bytes:
    """Builds a header from 39 fresh random bytes (salt and nonce prefix)."""
    if len(random_bytes) != HEADER_BYTES - 1:
        raise ValueError("a header takes 39 random bytes")
    return bytes([HEADER_BYTES]) + random_bytes


def seal_bytes(*, data_key: bytes, associated_data: bytes, plaintext: bytes, random_bytes: bytes) -> bytes:
    """Seals a small file at once."""
    sealed = SealedFile(
        data_key=data_key,
        associated_data=associated_data,
        plain_bytes=len(plaintext),
        header=new_header(random_bytes),
    )
    (whole,) = runs(len(plaintext), segment_count(len(plaintext)))
    out = bytearray(whole.sealed_bytes)
    sealed.seal(whole, plaintext, out)
    return sealed.header + bytes(out)


def open_bytes(*, data_key: bytes, associated_data: bytes, sealed: bytes) -> bytes:
    """Opens a small file at once. Raises IntegrityError."""
    plain_bytes = _plain_size(len(sealed))
    file = SealedFile(
        data_key=data_key,
        associated_data=associated_data,
        plain_bytes=plain_bytes,
        header=sealed[:HEADER_BYTES],
    )
    (whole,) = runs(plain_bytes, segment_count(plain_bytes))
    out = bytearray(plain_bytes)
    file.open(whole, memoryview(sealed)[HEADER_BYTES:], out)
    return bytes(out)


def _plain_size(sealed_bytes: int) -> int:
    segments = max(1, -(-sealed_bytes // SEGMENT_BYTES))
    plain_bytes = sealed_bytes - HEADER_BYTES - TAG_BYTES * segments
    if plain_bytes < 0:
        raise IntegrityError("a sealed file is shorter than its header and tag")
    return plain_bytes
