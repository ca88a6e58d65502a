"""What every SQLite database of ours needs so that a commit survives a power cut."""

from __future__ import annotations

from typing import Any

_PRAGMAS = (
    "journal_mode = WAL",
    # In WAL mode only FULL syncs each commit: what the API returned as created survives a power cut.
    "synchronous = FULL",
    "busy_timeout = 30000",
    "foreign_keys = ON",
    # What is deleted, such as a wrapped key, is overwritten, not only unlinked.
    "secure_delete = ON",
)


def make_durable(connection: Any) -> None:
    """Sets up a new connection of the driver."""
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
