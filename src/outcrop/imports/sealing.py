"""One part of a file on its way: received, checksummed, sealed and written a segment at a time, in the reader's thread.

A segment is 1 MiB: plaintext and ciphertext of it stay in the processor's cache from the socket to the write.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.artifact import checksum, envelope
from outcrop.ports import PartWriter
from outcrop.records import Checksum, SealedPart


class Buffers:
    """Memory for segments on their way, used again and again: new memory would have to be cleared by the kernel."""

    def __init__(self) -> None:
        self._idle: list[tuple[memoryview, memoryview]] = []

    @contextmanager
    def taken(self) -> Iterator[tuple[memoryview, memoryview]]:
        """Gives room for a segment's plaintext and one for its ciphertext."""
        pair = self._idle.pop() if self._idle else (_segment(), _segment())
        try:
            yield pair
        finally:
            self._idle.append(pair)


class SealingSink:
    """A ByteSink that seals a run of segments into a part of the vault."""

    def __init__(
        self,
        sealed: envelope.SealedFile,
        run: envelope.Run,
        writer: PartWriter,
        *,
        buffers: tuple[memoryview, memoryview],
        stored: Checksum | None,
    ) -> None:
        """Begins a part.

        Args:
            sealed: seals the file.
            run: the part's segments.
            writer: takes the ciphertext.
            buffers: room for a segment's plaintext and ciphertext.
            stored: the checksum to make besides CRC64NVME: a combinable one of another algorithm or kind.
        """
        self._sealed = sealed
        self._run = run
        self._writer = writer
        self._plain, self._cipher = buffers
        self._segment = run.first
        self._filled = 0
        self._crc64nvme = 0
        self._pieces = None if stored is None else checksum.Pieces(stored, run.plain_begin)
        self._place = run.plain_begin
        if run.plain_bytes == 0:
            self._seal()

    @property
    def place(self) -> int:
        """Plaintext offset of the next byte, in the file."""
        return self._place

    def room(self) -> memoryview:
        """Returns what is left of the segment."""
        return self._plain[self._filled : self._size()]

    def received(self, count: int) -> None:
        """Seals the segment once it is whole."""
        self._filled += count
        self._place += count
        if self._filled == self._size():
            self._seal()

    def part(self, number: int, receipt: str) -> SealedPart:
        """Returns the record of the part, once all of it was received."""
        return SealedPart(
            number=number,
            receipt=receipt,
            crc64nvme=self._crc64nvme,
            pieces=() if self._pieces is None else self._pieces.taken(),
        )

    def _size(self) -> int:
        begin = envelope.plain_start(self._segment)
        return min(envelope.plain_start(self._segment + 1), self._run.plain_end) - begin

    def _seal(self) -> None:
        size, begin = self._size(), envelope.plain_start(self._segment)
        # The header goes with the first segment, so that each write is a whole MiB at a whole MiB of the file: what
        # writing past the page cache takes (decision 0043).
        header = self._sealed.header if self._segment == 0 else b""
        end = len(header) + size + envelope.TAG_BYTES
        plaintext, ciphertext = self._plain[:size], self._cipher[len(header) : end]
        self._cipher[: len(header)] = header
        self._crc64nvme = checksum.crc64nvme(plaintext, self._crc64nvme)
        if self._pieces is not None:
            self._pieces.update(plaintext)
        segment = envelope.Run(first=self._segment, stop=self._segment + 1, plain_begin=begin, plain_end=begin + size)
        self._sealed.seal(segment, plaintext, ciphertext)
        self._writer.write(self._cipher[:end])
        self._segment += 1
        self._filled = 0


def _segment() -> memoryview:
    # Mapped, not allocated: it begins with a page, as writing past the page cache wants, and its pages come as the
    # reader's thread fills them, and not here, one after another.
    return memoryview(mmap.mmap(-1, envelope.SEGMENT_BYTES))
