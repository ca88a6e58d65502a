"""Times on the wire: ISO 8601 in both directions, and epoch seconds from clients that prefer numbers."""

import re
from datetime import UTC, datetime

_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_OFFSET_CHARACTERS = len("+00:00")
_EPOCH = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?", re.ASCII)


def parse_timestamp(value: str | float) -> datetime:
    """Reads a time as aware UTC. Raises ValueError."""
    try:
        if isinstance(value, str):
            if _ISO.fullmatch(value) is not None:
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
            if _EPOCH.fullmatch(value) is None:
                raise ValueError(value)
        return datetime.fromtimestamp(float(value), UTC)
    except OverflowError as error:
        raise ValueError(value) from error


def format_timestamp(value: datetime) -> str:
    """Writes a time as AWS does: `2024-08-13T23:38:42.457Z`. Raises ValueError for a time without a zone."""
    if value.utcoffset() is None:
        raise ValueError(value)
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-_OFFSET_CHARACTERS] + "Z"
