"""The safetensors header, judged completely by the published format. Pure; reads no tensor data.

    {"name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"format": "pt"}}

Offsets are relative to the end of the header, and leave neither gap, nor overlap, nor rest. A file that is cut short
still gives its header to later rules.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeGuard, cast

from outcrop.artifact.finding import Finding, Judged, error, warning
from outcrop.artifact.framing import EXPORT, TRUNCATED, UPLOAD, unframe
from outcrop.artifact.snapshot import LENGTH_BYTES
from outcrop.artifact.strict_json import Wording, read_object
from outcrop.artifact.wording import listing, quoted, shown, size
from outcrop.artifact.wording import shape as shape_of
from outcrop.records import JsonValue

DTYPE_BITS: Mapping[str, int] = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip
"""Every number format of the library, and its bits for one value."""

_LARGEST_INTEGER = 2**64 - 1
"""The library reads sizes into 64 bits."""

_MEMBERS = frozenset({"dtype", "shape", "data_offsets"})
_OFFSETS = ("begin", "end")
_MOST_DIMENSIONS = 32
_MOST_FINDINGS = 20
"""Of one file: a header that is wrong in more places is not going to be corrected by hand."""

TRAILING = error("weights.trailing_bytes")
"""Bytes follow the last tensor that the header does not account for. Do: save the model again."""
HEADER_NOT_JSON = error("weights.header_not_json")
"""The header is no JSON object within the format's bounds. Do: save the model again."""
DUPLICATE_TENSOR = error("weights.duplicate_tensor")
"""A header names a tensor twice: readers differ in which they take. Do: save the model again."""
METADATA = error("weights.metadata")
"""__metadata__ holds something else than texts. Do: save the model again."""
ENTRY = error("weights.entry")
"""A tensor's entry is not of the format's form. Do: save the model again."""
UNKNOWN_DTYPE = error("weights.unknown_dtype")
"""A tensor has a number format that safetensors does not know. Do: save the model again."""
WRONG_LENGTH = error("weights.wrong_length")
"""A tensor's bytes are not as many as its shape needs. Do: save the model again."""
OVERLAP = error("weights.overlap")
"""Two tensors share bytes. Do: save the model again."""
HOLE = error("weights.hole")
"""There are bytes between tensors that belong to none. Do: save the model again."""
EXTRA_MEMBER = warning("weights.extra_member")
"""A tensor's entry has members that the format does not know. Do: save the model again."""

_WORDING = Wording(malformed=HEADER_NOT_JSON, duplicates=DUPLICATE_TENSOR, cure=EXPORT)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a header; offsets are relative to the start of the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        count = 1
        for dimension in self.shape:
            count *= dimension
        return count

    @property
    def size_bytes(self) -> int:
        """How many bytes it holds."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Header:
    """The tensors of one weights file, and the metadata that its writer left."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def judge(file: str, head: bytes, size_bytes: int) -> Judged[Header]:
    """Judges a weights file by its first bytes, which should reach to the end of its header, and by its size."""
    framed = unframe(file, head, size_bytes)
    if framed.value is None:
        return Judged(None, framed.findings)
    read = read_object(file, framed.value, _WORDING)
    if read.value is None or read.findings:
        return Judged(None, read.findings)
    findings: list[Finding] = []
    tensors: dict[str, Tensor] = {}
    metadata: Mapping[str, str] = {}
    for name, entry in read.value.items():
        if len(findings) >= _MOST_FINDINGS:
            return Judged(None, tuple(findings))
        if name == "__metadata__":
            findings.extend(_judge_metadata(file, entry))
            if isinstance(entry, dict):
                metadata = {key: value for key, value in entry.items() if isinstance(value, str)}
            continue
        judged = _judge_entry(file, name, entry)
        findings.extend(judged.findings)
        if judged.value is not None:
            tensors[name] = judged.value
    if any(found.id != EXTRA_MEMBER.id for found in findings):
        return Judged(None, tuple(findings))
    layout = _judge_layout(file, tensors, LENGTH_BYTES + len(framed.value), size_bytes)
    findings.extend(islice(layout, _MOST_FINDINGS))
    return Judged(Header(tensors, metadata), tuple(findings))


def _judge_metadata(file: str, entry: JsonValue) -> Iterator[Finding]:
    if entry is None:
        return
    if not isinstance(entry, dict):
        yield METADATA.found(
            file,
            f"has {shown(entry)} as __metadata__ where an object of texts is expected.",
            cure=EXPORT,
            expected="an object of texts",
            actual=shown(entry),
        )
        return
    wrong = [key for key, value in entry.items() if not isinstance(value, str)]
    if wrong:
        yield METADATA.found(
            file,
            f"has values in __metadata__ that are no texts: {listing(wrong)}.",
            cure=EXPORT,
            expected="texts only",
        )


def _judge_entry(file: str, name: str, entry: JsonValue) -> Judged[Tensor]:
    problem = next(_entry_problems(file, name, entry), None)
    if problem is not None:
        return Judged(None, (problem,))
    members = cast("Mapping[str, Any]", entry)
    begin, end = members["data_offsets"]
    tensor = Tensor(members["dtype"], tuple(members["shape"]), begin, end)
    wrong_length = _judge_length(file, name, tensor)
    if wrong_length is not None:
        return Judged(None, (wrong_length,))
    if len(members) == len(_MEMBERS):
        return Judged(tensor)
    extra = listing(sorted(set(members) - _MEMBERS))
    message = f"tensor {quoted(name)} has members that the format does not know: {extra}."
    return Judged(tensor, (EXTRA_MEMBER.found(file, message, cure=EXPORT),))


def _entry_problems(file: str, name: str, entry: JsonValue) -> Iterator[Finding]:
    """Gives what is wrong with an entry's form, the first first; what follows it is not worth telling."""
    if not isinstance(entry, dict):
        yield _wrong_entry(file, name, f"is {shown(entry)}", "an object")
        return
    if not entry.keys() >= _MEMBERS:
        missing = " and no ".join(sorted(_MEMBERS - entry.keys()))
        yield _wrong_entry(file, name, f"has no {missing}", "dtype, shape and data_offsets")
        return
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        yield UNKNOWN_DTYPE.found(
            file,
            f"tensor {quoted(name)} has the dtype {shown(dtype)}, which the format does not know.",
            cure=EXPORT,
            expected=f"one of {', '.join(sorted(DTYPE_BITS))}",
            actual=shown(dtype),
        )
    if not _are_sizes(shape) or len(shape) > _MOST_DIMENSIONS:
        yield _wrong_entry(file, name, f"has the shape {shown(shape)}", "a list of 64-bit sizes")
    if not _are_sizes(offsets) or len(offsets) != len(_OFFSETS) or offsets[0] > offsets[1]:
        yield _wrong_entry(file, name, f"has the data_offsets {shown(offsets)}", f"[{', '.join(_OFFSETS)}]")


def _judge_length(file: str, name: str, entry: Tensor) -> Finding | None:
    """Holds a tensor's bytes against its shape, multiplying no further than 64 bits go."""
    bits = DTYPE_BITS[entry.dtype]
    for dimension in entry.shape:
        bits *= dimension
        if bits > _LARGEST_INTEGER:
            return WRONG_LENGTH.found(
                file,
                f"tensor {quoted(name)} has the shape {shape_of(entry.shape)}, whose bytes do not fit in 64 bits.",
                cure=EXPORT,
                actual=shape_of(entry.shape),
            )
    if bits == entry.size_bytes * 8:
        return None
    needed = f"{bits // 8:,} bytes" if bits % 8 == 0 else f"{bits} bits, no whole number of bytes"
    return WRONG_LENGTH.found(
        file,
        f"tensor {quoted(name)} of {entry.dtype} {shape_of(entry.shape)} needs {needed}, but has {entry.size_bytes:,}.",
        cure=EXPORT,
        expected=needed,
        actual=f"{entry.size_bytes:,} bytes",
    )


def _judge_layout(file: str, tensors: Mapping[str, Tensor], header_bytes: int, size_bytes: int) -> Iterator[Finding]:
    """Holds the offsets against each other and against the file's size."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin < end:
            yield OVERLAP.found(
                file,
                f"tensor {quoted(name)} begins at byte {tensor.begin:,} of the data, within the one before it, which "
                f"ends at {end:,}.",
                cure=EXPORT,
                expected=str(end),
                actual=str(tensor.begin),
            )
        elif tensor.begin > end:
            yield HOLE.found(
                file,
                f"bytes {end:,} to {tensor.begin:,} of the data, before tensor {quoted(name)}, belong to no tensor.",
                cure=EXPORT,
                expected=str(end),
                actual=str(tensor.begin),
            )
        end = max(end, tensor.end)
    needed = header_bytes + end
    if needed > size_bytes:
        yield TRUNCATED.found(
            file,
            f"is cut short: by its header it has {size(needed)}, but there are {size(size_bytes)}.",
            cure=UPLOAD,
            expected=f"{needed} bytes",
            actual=f"{size_bytes} bytes",
        )
    elif needed < size_bytes:
        yield TRAILING.found(
            file,
            f"has {size(size_bytes - needed)} after its last tensor that its header does not account for.",
            cure=EXPORT,
            expected=f"{needed} bytes",
            actual=f"{size_bytes} bytes",
        )


def _are_sizes(value: JsonValue) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _LARGEST_INTEGER for item in value)


def _wrong_entry(file: str, name: str, problem: str, expected: str) -> Finding:
    message = f"tensor {quoted(name)} {problem} where {expected} is expected."
    return ENTRY.found(file, message, cure=EXPORT, expected=expected)
