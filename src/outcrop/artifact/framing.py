"""The frame of a safetensors file: the length that it begins with, and whether a header of that length can be there.

    8 bytes   N, unsigned, little-endian
    N bytes   the header, a JSON object
    the rest  tensor data

https://github.com/huggingface/safetensors#format. Pure.
"""

from collections.abc import Iterator

from outcrop.artifact.contents import LFS_CURE, is_lfs_pointer, sniff
from outcrop.artifact.finding import Finding, Judged, error
from outcrop.artifact.snapshot import LARGEST_HEADER, LENGTH_BYTES
from outcrop.artifact.wording import size

EXPORT = "Save the model again with safetensors (save_pretrained does) and upload the file."
UPLOAD = "Upload the file again and compare its size with the original's."

EMPTY = error("weights.empty")
"""The file has no bytes. Do: upload it again."""
NOT_SAFETENSORS = error("weights.not_safetensors")
"""By its content the file is something else than its name says. Do: what the finding says for what it is."""
HEADER_TOO_LARGE = error("weights.header_too_large")
"""The header is larger than the format allows: the file is broken, or an attack. Do: save the model again."""
HEADER_UNREAD = error("weights.header_unread")
"""All headers together are larger than any model's: the file is broken, or an attack. Do: save the model again."""
TRUNCATED = error("weights.truncated")
"""The file ends before its header says. Do: upload it again; compare sizes with the original."""

_SMALLEST = LENGTH_BYTES + len(b"{}")


def unframe(file: str, head: bytes, size_bytes: int) -> Judged[bytes]:
    """Returns the header's own bytes, from the first bytes of a file and its size."""
    problem = next(_problems(file, head, size_bytes), None)
    if problem is not None:
        return Judged(None, (problem,))
    return Judged(head[LENGTH_BYTES : LENGTH_BYTES + _length(head)])


def _problems(file: str, head: bytes, size_bytes: int) -> Iterator[Finding]:
    """Gives what is wrong, the first first; what follows it is not worth telling."""
    if size_bytes == 0:
        yield EMPTY.found(file, "is empty.", cure=UPLOAD, actual="0 bytes")
    first = head[LENGTH_BYTES : LENGTH_BYTES + 1]
    # Where a header does begin, the length before it can be any bytes: those of a signature are a coincidence.
    known = sniff(head) if first != b"{" else None
    if known is not None:
        cure = LFS_CURE if is_lfs_pointer(head) else EXPORT
        yield NOT_SAFETENSORS.found(file, f"is not a safetensors file: it is {known}.", cure=cure, actual=known)
    if size_bytes < _SMALLEST:
        yield NOT_SAFETENSORS.found(
            file,
            f"is not a safetensors file: {size(size_bytes)} cannot hold a header.",
            cure=UPLOAD,
            expected=f"at least {_SMALLEST} bytes",
            actual=f"{size_bytes} bytes",
        )
    if first not in (b"{", b""):
        yield NOT_SAFETENSORS.found(
            file,
            f"is not a safetensors file: its header begins with byte 0x{first.hex()}.",
            cure=EXPORT,
            expected='a header that begins with "{"',
            actual=f"0x{first.hex()}",
        )
    yield from _length_problems(file, head, size_bytes)


def _length_problems(file: str, head: bytes, size_bytes: int) -> Iterator[Finding]:
    length, end = _length(head), LENGTH_BYTES + _length(head)
    if length > LARGEST_HEADER:
        yield HEADER_TOO_LARGE.found(
            file,
            f"announces a header of {size(length)}; the format allows {size(LARGEST_HEADER)}.",
            cure=EXPORT,
            expected=f"at most {LARGEST_HEADER} bytes",
            actual=f"{length} bytes",
        )
    if end > size_bytes:
        yield TRUNCATED.found(
            file,
            f"is cut short: its header alone reaches to byte {end:,}, but there are {size(size_bytes)}.",
            cure=UPLOAD,
            expected=f"at least {end} bytes",
            actual=f"{size_bytes} bytes",
        )
    if end > len(head):
        yield HEADER_UNREAD.found(
            file,
            f"has a header of {size(length)}: more than is read of all weights files together.",
            cure=EXPORT,
            actual=f"{length} bytes",
        )


def _length(head: bytes) -> int:
    return int.from_bytes(head[:LENGTH_BYTES], "little")
