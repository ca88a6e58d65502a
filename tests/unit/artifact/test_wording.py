"""How foreign texts and numbers are shown: printable, short, exact."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.artifact.wording import counted, listing, printable, quoted, shown, size


@given(st.text())
def test_whatever_is_shown_prints(text: str) -> None:
    """Lone surrogates, control characters and marks of direction included."""
    assert printable(text).isprintable()
    assert quoted(text).isprintable()
    quoted(text).encode()


def test_long_texts_lose_their_middle() -> None:
    """Beginning and end say most."""
    assert printable("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
    assert len(quoted("x" * 10_000)) < 100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (10**30, "a number of 100 bits"),
        (-(10**4000), "a number of 13288 bits"),
        (0.5, "0.5"),
        (float("inf"), "inf"),
        ("a\n", '"a\\n"'),
        ([1, "b"], '[1, "b"]'),
        ([[1]], "a list of 1"),
        ([0] * 9, "a list of 9"),
        ({"a": 1}, "an object of 1"),
    ],
)
def test_values_are_shown_as_json_or_by_their_size(value: Any, expected: str) -> None:
    """Nothing that is shown grows with what is there."""
    assert shown(value) == expected


def test_lists_of_names_say_how_many_more_there_are() -> None:
    """Five are enough to know what is meant."""
    assert listing(["a", "b"]) == '"a", "b"'
    assert listing([str(number) for number in range(8)]) == '"0", "1", "2", "3", "4" and 3 more'


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"),
        (1500, "1,500 bytes"),
        (2_500_000, "2,500,000 bytes (2.5 MB)"),
        (10**12, "1,000,000,000,000 bytes (1.0 TB)"),
    ],
)
def test_sizes_are_exact_with_their_order_of_magnitude(count: int, expected: str) -> None:
    """People compare the exact number; the other helps to read it."""
    assert size(count) == expected


def test_nouns_follow_their_number() -> None:
    """One file, two files."""
    assert (counted(1, "file"), counted(2, "file"), counted(0, "file")) == ("1 file", "2 files", "0 files")
