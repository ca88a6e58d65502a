"""JSON from strangers."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outcrop.wire.json_body import MAX_DEPTH, MAX_VALUES, load
from outcrop.wire.refusals import SerializationError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@settings(derandomize=True)
@given(value=JSON, escaped=st.booleans())
def test_json_is_read_as_python_reads_it(*, value: Any, escaped: bool) -> None:
    """Everything within the limits comes through unchanged, written in ASCII or not."""
    assert load(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":}',
        b"{'a':1}",
        b"[1,]",
        b"nul",
        b'"\x00"',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":01}',
        b"\xff\xfe{\x00}\x00",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'{"a":["\\uD83d"]}',
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Broken JSON, other encodings, numbers without a value and half surrogate pairs are the caller's mistake."""
    with pytest.raises(SerializationError):
        load(body)


def test_whole_surrogate_pairs_are_characters() -> None:
    """Botocore escapes an emoji as a surrogate pair."""
    assert load(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_of_repeated_keys_the_last_wins() -> None:
    """As most parsers, and AWS's, have it."""
    assert load(b'{"a":1,"a":2}') == {"a": 2}


def _nested(depth: int) -> bytes:
    return b'{"a":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)


def test_the_deepest_allowed_nesting_is_read() -> None:
    """The limit itself is allowed."""
    assert load(_nested(MAX_DEPTH)) is not None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_nested(MAX_DEPTH + 2), id="just too deep"),
        pytest.param(b"[" * 500_000, id="never closed"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="closed"),
        pytest.param(b'{"a":' * 90_000, id="objects"),
    ],
)
def test_deep_nesting_is_refused(body: bytes) -> None:
    """Nesting beyond the limit is refused before a parser recurses into it, closed or not."""
    with pytest.raises(SerializationError):
        load(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"[]," * (MAX_VALUES // 2) + b"[]]", id="lists"),
        pytest.param(b"[" + b"1," * MAX_VALUES + b"1]", id="numbers"),
        pytest.param(b"{" + b'"a":1,' * MAX_VALUES, id="members"),
    ],
)
def test_too_many_values_are_refused(body: bytes) -> None:
    """Values are counted before they become objects of forty times their size."""
    with pytest.raises(SerializationError, match="values"):
        load(body)


def test_brackets_and_commas_in_strings_do_not_count() -> None:
    """A prompt may hold any text."""
    text = '[{"a",:' * MAX_VALUES

    assert load(json.dumps({"prompt": text}).encode()) == {"prompt": text}


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(b"9" * 65, id="just too long"),
        pytest.param(b"-" + b"9" * 100_000, id="integer"),
        pytest.param(b"0." + b"1" * 100_000, id="decimal"),
    ],
)
def test_long_numbers_are_refused(number: bytes) -> None:
    """A number is refused by its length; converting many digits costs time that grows with their square."""
    with pytest.raises(SerializationError, match="characters"):
        load(b'{"a":' + number + b"}")


@settings(derandomize=True)
@given(st.binary(max_size=200))
@example(b'"\\')
@example(b'"' * 1001)
def test_no_bytes_break_it(body: bytes) -> None:
    """Whatever the bytes, they are read or refused."""
    with contextlib.suppress(SerializationError):
        load(body)
