"""Weights whose headers are bombs, lies or hiding places."""

from __future__ import annotations

from tests.hostile.case import case, headed, weighing
from tests.unit.artifact.models import CONFIG, Model, entries, shapes_of


@case("a header of 2^64 bytes is announced", "weights.header_too_large")
def _() -> Model:
    return weighing((2**64 - 1).to_bytes(8, "little") + b"{}", 2**40)


@case("a header of 99 MB is announced in a file of a terabyte", "weights.header_unread")
def _() -> Model:
    return weighing((99_000_000).to_bytes(8, "little") + b'{"a":', 2**40)


@case("a header of 16 MB holds five million empty lists", "weights.header_not_json")
def _() -> Model:
    return headed(b'{"a":[' + b"[]," * 5_000_000 + b"0]}")


@case("a header holds a million tensors", "weights.header_not_json")
def _() -> Model:
    return headed(
        b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[],"data_offsets":[0,1]}' % n for n in range(250_000)) + b"}"
    )


@case("a header is nested a hundred thousand levels deep", "weights.header_not_json")
def _() -> Model:
    return headed(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@case("a text in a header never ends", "weights.header_not_json")
def _() -> Model:
    return headed(b'{"' + b'\\"' * 2_000_000)


@case("a shape has a number of a million digits", "weights.header_not_json")
def _() -> Model:
    return headed(b'{"a":{"dtype":"F32","shape":[' + b"9" * 10**6 + b'],"data_offsets":[0,4]}}', 4)


@case("shapes multiply to 2^4096", "weights.wrong_length")
def _() -> Model:
    return headed({"a": {"dtype": "U8", "shape": [2**63] * 30, "data_offsets": [0, 0]}})


@case("a shape overflows 64 bits to the right length", "weights.wrong_length")
def _() -> Model:
    return headed({"a": {"dtype": "U8", "shape": [2**32, 2**32], "data_offsets": [0, 0]}})


@case("a shape is NaN", "weights.header_not_json")
def _() -> Model:
    return headed(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', 4)


@case("a shape is 1e999", "weights.entry")
def _() -> Model:
    return headed(b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', 4)


@case("a shape is negative", "weights.entry")
def _() -> Model:
    return headed({"a": {"dtype": "U8", "shape": [-4], "data_offsets": [0, 4]}}, 4)


@case("offsets point beyond the file", "weights.truncated")
def _() -> Model:
    return headed({"a": {"dtype": "U8", "shape": [2**50], "data_offsets": [0, 2**50]}}, 4)


def _laid_out(first: list[int], second: list[int], data_bytes: int) -> Model:
    lengths = [first[1] - first[0], second[1] - second[0]]
    return headed(
        {
            "a": {"dtype": "U8", "shape": lengths[:1], "data_offsets": first},
            "b": {"dtype": "U8", "shape": lengths[1:], "data_offsets": second},
        },
        data_bytes,
    )


@case("two tensors overlap", "weights.overlap")
def _() -> Model:
    return _laid_out([0, 10], [5, 15], 15)


@case("two names mean the same bytes", "weights.overlap")
def _() -> Model:
    return _laid_out([0, 10], [0, 10], 10)


@case("bytes between tensors hide something", "weights.hole")
def _() -> Model:
    return _laid_out([0, 10], [20, 30], 30)


@case("bytes before the first tensor hide something", "weights.hole")
def _() -> Model:
    return _laid_out([5, 10], [10, 20], 20)


@case("bytes after the last tensor hide something", "weights.trailing_bytes")
def _() -> Model:
    header = entries(shapes_of(CONFIG))
    return headed(header, max(entry["data_offsets"][1] for entry in header.values()) + 100)


@case("a tensor has two entries", "weights.duplicate_tensor")
def _() -> Model:
    entry = b'"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}'
    return headed(b"{" + entry + b"," + entry + b"}", 4)


@case("a tensor has two dtypes", "weights.duplicate_tensor")
def _() -> Model:
    return headed(b'{"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}', 4)


@case("metadata holds what is no text", "weights.metadata")
def _() -> Model:
    return headed({"__metadata__": {"format": {"$ref": "file:///etc/passwd"}}})


@case("a name cannot be written in UTF-8", "tensor.missing")
def _() -> Model:
    return headed(b'{"\\ud800":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}', 2)


@case("a name writes to the terminal", "tensor.unknown_part")
def _() -> Model:
    header = entries({**shapes_of(CONFIG), "\x1b[2J\x1b]0;owned\x07\u202e": (1,)})
    return headed(header, max(entry["data_offsets"][1] for entry in header.values()))


@case("a name has a megabyte", "tensor.unknown_part")
def _() -> Model:
    header = entries({**shapes_of(CONFIG), "x" * 10**6: (1,)})
    return headed(header, max(entry["data_offsets"][1] for entry in header.values()))
