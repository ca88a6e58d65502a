"""The rules that all tags keep."""

import pytest

from outcrop.api.tags import MOST_TAGS, tags_of
from outcrop.errors import TooManyTagsError, ValidationError
from outcrop.records import Tag


def entry(key: str, value: str = "v") -> dict[str, str]:
    """A tag as the wire gives it."""
    return {"key": key, "value": value}


def test_tags_are_read_in_order() -> None:
    """Keys differ by case; values may be empty."""
    assert tags_of([entry("a"), entry("A", "")], resource="r") == (Tag(key="a", value="v"), Tag(key="A", value=""))


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "aws:cloudformation:stack-name"])
def test_awss_own_keys_are_refused(key: str) -> None:
    """Nobody but AWS sets them, however they are written."""
    with pytest.raises(ValidationError, match="reserved"):
        tags_of([entry(key)], resource="r")


def test_a_key_given_twice_is_refused() -> None:
    """Which value would count?"""
    with pytest.raises(ValidationError, match="twice"):
        tags_of([entry("a", "1"), entry("a", "2")], resource="r")


def test_fifty_tags_and_no_more() -> None:
    """TooManyTagsException names the resource (SPEC 2.0.19)."""
    tags_of([entry(f"k{number}") for number in range(MOST_TAGS)], resource="r")

    with pytest.raises(TooManyTagsError) as raised:
        tags_of([entry(f"k{number}") for number in range(MOST_TAGS + 1)], resource="my-job")

    assert raised.value.members == {"resourceName": "my-job"}
