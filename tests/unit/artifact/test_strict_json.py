"""JSON from strangers: strict, bounded, and clear about what is wrong."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.artifact.strict_json import DEEPEST, MOST_VALUES, read_object


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": NaN}', '"NaN" is no JSON number'),
        (b'{"a": -Infinity}', '"-Infinity" is no JSON number'),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{"a": 1,}', "column"),
        (b"[1]", "another kind of value"),
        (b'"text"', "another kind of value"),
        ('{"a": 1}'.encode("utf-16"), "byte 0 is not UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "thousands of digits"),
        (b'{"a":' * 10**5, f"more than {DEEPEST} levels"),
        (b"[" * 10**5, "levels"),
        (b"[" + b"0," * (MOST_VALUES + 1) + b"0]", "more than 500,000 values"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"<?xml version='1.0'?><Error/>", "XML"),
        (b"\x80\x04\x95.", "a pickle"),
    ],
    ids=range(17),
)
def test_what_is_no_json_object_is_told(data: bytes, reason: str) -> None:
    """The finding says why, in one sentence."""
    judged = read_object("config.json", data)

    assert judged.value is None
    assert [found.id for found in judged.findings] == ["file.not_json"]
    assert reason in judged.findings[0].message


def test_duplicate_names_are_told_and_the_last_wins() -> None:
    """As in Python's own reader, which engines use."""
    judged = read_object("config.json", b'{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}')

    assert judged.value == {"a": 3, "b": {"c": 2}}
    assert [found.id for found in judged.findings] == ["file.duplicate_names"]
    assert '"c", "a"' in judged.findings[0].message


def test_brackets_in_texts_are_not_depth() -> None:
    """Chat templates are full of braces."""
    assert read_object("f", json.dumps({"chat_template": '{{[["\\' * 1000}).encode()).findings == ()


@settings(derandomize=True)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=10,
        ),
    )
)
def test_ordinary_objects_are_read_as_python_reads_them(value: dict[str, object]) -> None:
    """Strictness takes nothing from honest files."""
    judged = read_object("f", json.dumps(value).encode())

    assert judged.findings == ()
    assert judged.value == json.loads(json.dumps(value))


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=100) | st.text(alphabet='{}[]",:\\01e. nulf', max_size=100).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Anything gives a value or a finding."""
    judged = read_object("f", data)

    assert (judged.value is None) <= bool(judged.findings)
