"""What values are compared with."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.access.patterns import Addresses, ArnPattern, Exactly, Wildcard, is_address_range, is_arn_pattern

PATTERNS = st.text(alphabet="ab*?", max_size=8)
TEXTS = st.text(alphabet="abc*", max_size=10)


def reference(pattern: str, text: str) -> bool:
    """The definition of wildcards, word by word, without a thought for time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(reference(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and reference(pattern[1:], text[1:])


@given(pattern=PATTERNS, text=TEXTS)
def test_a_wildcard_means_what_the_definition_says(pattern: str, text: str) -> None:
    """A star is any number of characters, a question mark is exactly one."""
    assert Wildcard(pattern).accepts(text) == reference(pattern, text)


@given(text=st.text(max_size=40))
def test_a_pattern_without_wildcards_is_the_text_itself(text: str) -> None:
    """Whatever else it holds: nothing but the two wildcards is special."""
    plain = text.replace("*", "").replace("?", "")

    assert Wildcard(plain).accepts(plain)
    assert not Wildcard(plain).accepts(plain + "x")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 3000 + "*b", "a" * 2048),
        ("*" + "a" * 6000 + "b", "a" * 2048),
        ("*" + "a?" * 1000 + "b", "a" * 2048),
        ("?" * 2047 + "b", "a" * 2048),
        ("*" * 6000 + "b", "a" * 2048),
    ],
)
def test_no_pattern_costs_more_than_moments(pattern: str, text: str) -> None:
    """The longest text with the worst pattern of a whole policy: milliseconds, never minutes."""
    began = time.perf_counter()
    found = Wildcard(pattern).accepts(text)

    assert not found
    assert time.perf_counter() - began < 1


def test_wildcards_are_equal_by_their_text() -> None:
    """What was compiled from it is not compared."""
    assert Wildcard("a*") == Wildcard("a*")
    assert hash(Wildcard("a*")) == hash(Wildcard("a*"))
    assert Wildcard("a*") != Wildcard("a?")


def test_exact_texts_have_no_wildcards() -> None:
    """StringEquals compares every character as it is."""
    assert Exactly("a*").accepts("a*")
    assert not Exactly("a*").accepts("ab")


@pytest.mark.parametrize(
    ("pattern", "text", "is_meant"),
    [
        ("arn:aws:iam::123456789012:user/*", "arn:aws:iam::123456789012:user/ana", True),
        ("arn:aws:iam::*:user/ana", "arn:aws:iam::123456789012:user/ana", True),
        ("arn:aws:iam::123456789012:user/an?", "arn:aws:iam::123456789012:user/ana", True),
        ("arn:*:*:*:*:*", "arn:aws:iam::123456789012:user/ana", True),
        ("arn:aws:iam::123456789012:USER/ana", "arn:aws:iam::123456789012:user/ana", False),
        ("arn:aws:iam:*:*:ana", "arn:aws:iam::123456789012:role:ana", False),
        ("arn:aws:iam::*", "arn:aws:iam::123456789012:user/ana", False),
        ("arn:aws:iam::1:user/a:*", "arn:aws:iam::1:user/a:b:c", True),
        ("arn:aws:iam::1:user/*", "nonsense", False),
    ],
)
def test_arns_are_compared_part_by_part(pattern: str, text: str, is_meant: bool) -> None:  # noqa: FBT001 - a column
    """No wildcard crosses a colon, but for those of the resource."""
    assert ArnPattern(pattern).accepts(text) is is_meant


@pytest.mark.parametrize(
    ("ranges", "address", "is_inside"),
    [
        ("203.0.113.0/24", "203.0.113.7", True),
        ("203.0.113.0/24", "203.0.114.7", False),
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("0.0.0.0/0", "203.0.113.7", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:DB8:0:0::/64", "2001:db8::ffff", True),
        ("203.0.113.0/24", "::ffff:203.0.113.7", True),
        ("::ffff:203.0.113.0/120", "203.0.113.7", True),
        ("::/0", "203.0.113.7", False),
        ("203.0.113.0/24", "", False),
        ("203.0.113.0/24", "testclient", False),
    ],
)
def test_addresses_are_those_of_the_range(ranges: str, address: str, is_inside: bool) -> None:  # noqa: FBT001 - a column
    """An IPv4 address is the same in its IPv6 form, and what is no address is in no range."""
    assert Addresses(ranges).accepts(address) is is_inside


@pytest.mark.parametrize(
    "text",
    ["", "*", "203.0.113", "203.0.113.0/33", "203.0.113.7/24", "10.0.0.0/255.0.0.0", "10.0.0.0/", "::1/x", "१.1.1.1"],
)
def test_what_is_no_range_is_told(text: str) -> None:
    """A prefix is a number, and there are no bits beyond it."""
    assert not is_address_range(text)


@pytest.mark.parametrize("text", ["", "*", "arn:*", "arn:aws:s3:::", "urn:a:b:c:d:e", "arn:aws:s3::*", "arn::s3:::a"])
def test_what_is_no_arn_is_told(text: str) -> None:
    """Six parts, of which partition, service and resource say something."""
    assert not is_arn_pattern(text)
