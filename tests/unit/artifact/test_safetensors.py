"""The header, held against the published format: every way of breaking it has its finding."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors import deserialize as read_with_the_library
from tests.unit.artifact.models import entries, framed, weights

from outcrop.artifact.safetensors import DTYPE_BITS, judge
from outcrop.artifact.snapshot import LARGEST_HEADER

A = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
B = {"dtype": "I8", "shape": [3], "data_offsets": [16, 19]}


def found(data: bytes, size_bytes: int | None = None) -> list[str]:
    """The ids of what is found about a file."""
    return [finding.id for finding in judge("w", data, len(data) if size_bytes is None else size_bytes).findings]


def test_a_sound_file_gives_its_tensors_and_metadata() -> None:
    """Names, dtypes, shapes and offsets are read as they stand; __metadata__ is no tensor."""
    judged = judge("w", (data := framed({"a": A, "__metadata__": {"format": "pt"}, "b": B}, 19)), len(data))

    assert judged.findings == ()
    assert judged.value is not None
    assert {name: (t.dtype, t.shape, t.begin, t.end) for name, t in judged.value.tensors.items()} == {
        "a": ("F32", (2, 2), 0, 16),
        "b": ("I8", (3,), 16, 19),
    }
    assert judged.value.metadata == {"format": "pt"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", "weights.empty", id="nothing"),
        pytest.param(b"1234567", "weights.not_safetensors", id="no room for a length"),
        pytest.param(framed(b"[1]", 0), "weights.not_safetensors", id="a header that is no object"),
        pytest.param(b"PK\x03\x04" + bytes(100), "weights.not_safetensors", id="zip"),
        pytest.param(b"\x80\x04\x95" + bytes(100), "weights.not_safetensors", id="pickle"),
        pytest.param(b"GGUF" + bytes(100), "weights.not_safetensors", id="gguf"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "weights.not_safetensors", id="lfs"),
        pytest.param(framed(b"{", 0), "weights.not_safetensors", id="less than a header"),
        pytest.param((10**9).to_bytes(8, "little") + b"{" + bytes(90), "weights.header_too_large", id="huge header"),
        pytest.param((2**64 - 1).to_bytes(8, "little") + b"{" + bytes(90), "weights.header_too_large", id="2^64"),
        pytest.param((500).to_bytes(8, "little") + b"{" + bytes(90), "weights.truncated", id="header cut short"),
        pytest.param(framed(b'{"a": }', 0), "weights.header_not_json", id="no JSON"),
        pytest.param(framed(b'{"a": "\xff"}', 0), "weights.header_not_json", id="no UTF-8"),
        pytest.param(framed(b'{"a": NaN}', 0), "weights.header_not_json", id="NaN"),
        pytest.param(framed(b'{"a": 1' + b"0" * 5000 + b"}", 0), "weights.header_not_json", id="5,001 digits"),
        pytest.param(framed(b'{"a":' * 100 + b"1" + b"}" * 100, 0), "weights.header_not_json", id="100 levels"),
        pytest.param(framed({"a": A}, 15), "weights.truncated", id="data cut short"),
        pytest.param(framed({"a": A}, 17), "weights.trailing_bytes", id="bytes after the data"),
        pytest.param(framed({"a": A, "b": {**B, "data_offsets": [15, 18]}}, 18), "weights.overlap", id="overlap"),
        pytest.param(framed({"a": A, "b": {**B, "data_offsets": [17, 20]}}, 20), "weights.hole", id="hole"),
        pytest.param(framed({"a": A, "b": A}, 16), "weights.overlap", id="two tensors in one place"),
        pytest.param(framed({"a": {**A, "shape": [2, 3]}}, 16), "weights.wrong_length", id="shape too large"),
        pytest.param(framed({"a": {**A, "shape": [2**40, 2**40]}}, 16), "weights.wrong_length", id="overflow"),
        pytest.param(framed({"a": {**A, "shape": [2**40, 2**40, 0]}}, 16), "weights.wrong_length", id="overflow by 0"),
        pytest.param(framed({"a": {**A, "dtype": "F31"}}, 16), "weights.unknown_dtype", id="unknown dtype"),
        pytest.param(framed({"a": {**A, "dtype": ["F32"]}}, 16), "weights.unknown_dtype", id="dtype of a wrong type"),
        pytest.param(framed({"a": {**A, "shape": [4.0]}}, 16), "weights.entry", id="float in shape"),
        pytest.param(framed({"a": {**A, "shape": [True, 4]}}, 16), "weights.entry", id="boolean in shape"),
        pytest.param(framed({"a": {**A, "shape": [-2, -2]}}, 16), "weights.entry", id="negative shape"),
        pytest.param(framed({"a": {**A, "shape": [1] * 33}}, 16), "weights.entry", id="33 dimensions"),
        pytest.param(framed({"a": {**A, "data_offsets": [16, 0]}}, 16), "weights.entry", id="offsets turned round"),
        pytest.param(framed({"a": {**A, "data_offsets": [0]}}, 16), "weights.entry", id="one offset"),
        pytest.param(framed({"a": {**A, "data_offsets": [0, 2**70]}}, 16), "weights.entry", id="offset of 71 bits"),
        pytest.param(framed({"a": {"dtype": "F32", "shape": [2, 2]}}, 16), "weights.entry", id="no offsets"),
        pytest.param(framed({"a": None}, 0), "weights.entry", id="null entry"),
        pytest.param(framed({"__metadata__": {"a": 1}}, 0), "weights.metadata", id="number in metadata"),
        pytest.param(framed({"__metadata__": "x"}, 0), "weights.metadata", id="text as metadata"),
        pytest.param(framed({"a": {**A, "extra": 1}}, 16), "weights.extra_member", id="unknown member"),
        pytest.param(
            framed(b'{"a":' + json.dumps(A).encode() + b',"a":' + json.dumps(A).encode() + b"}", 16),
            "weights.duplicate_tensor",
            id="same name twice",
        ),
    ],
)
def test_every_way_of_breaking_a_file_has_its_finding(data: bytes, expected: str) -> None:
    """Each defect alone gives its own id, and nothing else."""
    assert found(data) == [expected]


def test_a_length_that_looks_like_a_signature_is_no_pickle() -> None:
    """640 is 0x0280, how a pickle begins; what follows the length says that it is a header."""
    header = json.dumps({"a": A}).encode().ljust(640)

    assert found(framed(header, 16)) == []


def test_a_header_may_be_padded_with_spaces() -> None:
    """Writers pad the header to align the data."""
    assert found(framed(json.dumps({"a": A}).encode() + b"   ", 16)) == []


def test_empty_tensors_may_share_a_place() -> None:
    """A tensor without values takes no bytes, wherever between others it is."""
    empty = {"dtype": "F32", "shape": [0, 5], "data_offsets": [16, 16]}

    assert found(framed({"a": A, "e": empty, "f": empty, "b": B}, 19)) == []


def test_a_file_cut_short_still_gives_its_header() -> None:
    """Later rules go on with the names and shapes."""
    data = framed({"a": A}, 8)

    judged = judge("w", data, len(data))

    assert judged.value is not None
    assert judged.findings[0].expected == f"{len(data) + 8} bytes"
    assert judged.findings[0].actual == f"{len(data)} bytes"


def test_a_header_that_was_not_read_is_told() -> None:
    """A snapshot can hold less than the header where all headers together are too large."""
    data = framed(json.dumps({"a": A}).encode().ljust(1000), 16)

    assert found(data[:512], len(data)) == ["weights.header_unread"]


def test_a_hopeless_header_is_told_in_a_few_findings() -> None:
    """Twenty defects are enough to know that the file has to be made again."""
    assert len(found(framed({str(number): None for number in range(1000)}, 0))) == 20


def test_the_largest_header_of_the_format_is_no_error_by_itself() -> None:
    """100,000,000 bytes are allowed; that many are just not read."""
    head = LARGEST_HEADER.to_bytes(8, "little") + b"{"

    assert found(head, LARGEST_HEADER + 100) == ["weights.header_unread"]


HEADERS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "__metadata__"]),
    st.one_of(
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "BF16", "I8", "BOOL", "X"]),
                "shape": st.lists(st.integers(0, 3), max_size=2),
                "data_offsets": st.lists(st.integers(0, 24), min_size=2, max_size=2),
            }
        ),
        st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
        st.none(),
    ),
    max_size=3,
)


@settings(max_examples=300, derandomize=True)
@given(HEADERS, st.integers(0, 30))
def test_the_library_and_the_rule_agree(header: dict[str, Any], data_bytes: int) -> None:
    """Whatever the safetensors library refuses has a finding, and nothing else has one."""
    data = framed(header, data_bytes)
    try:
        read_with_the_library(data)
        is_sound = True
    except (SafetensorError, Exception):  # noqa: BLE001  # the library raises several kinds
        is_sound = False

    assert (found(data) == []) is is_sound


@settings(max_examples=200, derandomize=True)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
        st.lists(st.integers(0, 4), max_size=3).map(tuple),
        max_size=4,
    ).filter(lambda shapes: "__metadata__" not in shapes),
    st.sampled_from(sorted(name for name, bits in DTYPE_BITS.items() if bits >= 8)),
)
def test_what_is_written_is_read(shapes: dict[str, tuple[int, ...]], dtype: str) -> None:
    """Any set of tensors that is written without gaps is sound, and read back as it was."""
    data = weights(shapes, dtype)

    judged = judge("w", data, len(data))

    assert judged.findings == ()
    assert judged.value is not None
    assert {name: list(t.shape) for name, t in judged.value.tensors.items()} == {
        name: entry["shape"] for name, entry in entries(shapes, dtype).items()
    }


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_break_the_rule(data: bytes, is_framed: bool) -> None:  # noqa: FBT001  # drawn by Hypothesis
    """Anything at all gives an answer."""
    judge("w", framed(b"{" + data, 3) if is_framed else data, len(data))
