"""Reads members of a JSON body, and says which member is wrong and what it may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue


def text(member: str, value: JsonValue) -> str:
    """Returns a string that can be encoded."""
    if not isinstance(value, str):
        raise ValidationError(f"{member}: must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{member}: holds half of a surrogate pair, which is no character") from None
    return value


def filled_text(member: str, value: JsonValue) -> str:
    """Returns a string that is not empty."""
    found = text(member, value)
    if not found:
        raise ValidationError(f"{member}: must not be empty")
    return found


def integer(member: str, value: JsonValue, *, lowest: int) -> int:
    """Returns a whole number; JSON's 7 and 7.0 are one, and some clients write all numbers as the latter."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise ValidationError(f"{member}: must be an integer")
    if value < lowest:
        raise ValidationError(f"{member}: must be at least {lowest}")
    return int(value)


def number(member: str, value: JsonValue, *, lowest: float, highest: float) -> float:
    """Returns a number within bounds, both allowed."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValidationError(f"{member}: must be a number")
    if not lowest <= value <= highest:
        raise ValidationError(f"{member}: must be from {lowest:g} to {highest:g}")
    return float(value)  # JSON's 2 and 2.0 are one number; transformers samples with the latter only


def boolean(member: str, value: JsonValue) -> bool:
    """Returns a boolean."""
    if not isinstance(value, bool):
        raise ValidationError(f"{member}: must be true or false")
    return value


def json_object(member: str, value: JsonValue) -> JsonObject:
    """Returns a JSON object."""
    if not isinstance(value, Mapping):
        raise ValidationError(f"{member}: must be a JSON object")
    return value


def array(member: str, value: JsonValue) -> Sequence[JsonValue]:
    """Returns a JSON array."""
    if not isinstance(value, list | tuple):
        raise ValidationError(f"{member}: must be a list")
    return value


def one_or_more_texts(member: str, value: JsonValue) -> tuple[str, ...]:
    """Returns the strings of a list, or a string alone as a list of one; none may be empty."""
    if isinstance(value, str):
        return (filled_text(member, value),)
    if not isinstance(value, list | tuple):
        raise ValidationError(f"{member}: must be a string or a list of strings")
    return tuple(filled_text(f"{member}[{place}]", item) for place, item in enumerate(value))
