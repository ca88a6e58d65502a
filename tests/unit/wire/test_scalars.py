"""Single values from JSON and from text: what test_parse cannot reach through the shapes that Outcrop serves today."""

from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.wire.scalars import FROM_JSON, FROM_TEXT, MismatchError
from outcrop.wire.shapes import Kind


def test_every_scalar_kind_has_a_reader() -> None:
    """A model with another kind would fail at start-up, not at the first request."""
    assert set(FROM_JSON) == set(Kind) - {Kind.STRUCTURE, Kind.LIST, Kind.MAP}


def test_times_in_json_are_texts_or_numbers() -> None:
    """Clients send either."""
    read = FROM_JSON[Kind.TIMESTAMP]

    assert read("1970-01-01T00:00:01Z") == read(1) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.BOOLEAN, "true", True),
        (Kind.BOOLEAN, "false", False),
        (Kind.FLOAT, "1.5e3", 1500.0),
        (Kind.FLOAT, "-2", -2.0),
        (Kind.LONG, "-9223372036854775808", -(2**63)),
    ],
)
def test_texts_are_read_as_their_kind(kind: Kind, text: str, value: Any) -> None:
    """Headers and query strings hold only text."""
    assert FROM_TEXT[kind](text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.BOOLEAN, "True"),
        (Kind.BOOLEAN, "1"),
        (Kind.FLOAT, "nan"),
        (Kind.FLOAT, "1e999"),
        (Kind.FLOAT, "1_000"),
        (Kind.LONG, "9223372036854775808"),
        (Kind.LONG, "\u0661"),
        (Kind.LONG, " 1"),
    ],
)
def test_texts_of_another_kind_are_refused(kind: Kind, text: str) -> None:
    """What Python would take for a number is not always one."""
    with pytest.raises(MismatchError):
        FROM_TEXT[kind](text)


@pytest.mark.parametrize("value", [True, [], {}, "soon", 1e300])
def test_what_is_no_time_is_refused(value: Any) -> None:
    """Neither a boolean nor a number beyond the calendar is a time."""
    with pytest.raises(MismatchError):
        FROM_JSON[Kind.TIMESTAMP](value)
