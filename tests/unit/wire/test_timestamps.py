"""Times on the wire."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.wire.timestamps import format_timestamp, parse_timestamp

INSTANT = datetime(2024, 8, 13, 23, 38, 42, 457000, tzinfo=UTC)


def test_times_are_written_as_aws_writes_them() -> None:
    """Milliseconds and Z, as in the user guide (SPEC 1.12)."""
    assert format_timestamp(INSTANT) == "2024-08-13T23:38:42.457Z"


def test_times_are_written_in_utc() -> None:
    """A time of another zone is the same instant."""
    there = INSTANT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert format_timestamp(there) == "2024-08-13T23:38:42.457Z"


def test_whole_seconds_keep_their_milliseconds() -> None:
    """The form never changes with the value."""
    assert format_timestamp(INSTANT.replace(microsecond=0)) == "2024-08-13T23:38:42.000Z"


def test_times_without_a_zone_are_not_guessed() -> None:
    """A naive time is a bug of ours; guessing a zone would hide it."""
    with pytest.raises(ValueError, match="2024"):
        format_timestamp(INSTANT.replace(tzinfo=None))


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-13T23:38:42.457Z",
        "2024-08-13t23:38:42.457z",
        "2024-08-14T01:38:42.457+02:00",
        "2024-08-13T23:38:42.457000000Z",
        "1723592322.457",
        1723592322.457,
    ],
)
def test_times_are_read_in_every_form_that_clients_use(text: Any) -> None:
    """ISO 8601 with any zone, and epoch seconds as text or number."""
    assert parse_timestamp(text) == INSTANT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-08-13",
        "2024-08-13T23:38:42",
        "2024-13-13T23:38:42Z",
        "2024-08-13T25:38:42Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1e400",
        "nan",
        "999999999999",
        "\u0661\u0662",
        1e300,
        -1e300,
    ],
)
def test_what_is_no_time_is_refused(text: Any) -> None:
    """Half a time, an impossible one and one outside of the calendar are all ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - datetime words it
        parse_timestamp(text)


@settings(derandomize=True)
@given(st.datetimes(timezones=st.just(UTC)))
def test_writing_and_reading_keep_the_instant(instant: datetime) -> None:
    """A round trip keeps everything but what is finer than milliseconds."""
    assert parse_timestamp(format_timestamp(instant)) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)
