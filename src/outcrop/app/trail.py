"""The audit log of a process: calls of the API, and uses of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from outcrop.adapters.audit_file import AuditFile
from outcrop.settings import Settings

Trail = Callable[[Mapping[str, Any]], None]


@contextmanager
def open_trail(settings: Settings) -> Iterator[Trail | None]:
    """Gives what takes records, until the context ends; None where the settings want no audit log."""
    if settings.audit_path is None:
        yield None
        return
    audit = AuditFile(settings.audit_path)
    try:
        yield audit.write
    finally:
        audit.close()
