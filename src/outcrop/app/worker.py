"""Everything behind `outcrop worker`: imports, and nothing that listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from outcrop.app.machinery import machinery
from outcrop.app.stopping import stop_asked_for
from outcrop.errors import SettingError
from outcrop.settings import Settings

log = structlog.get_logger()


async def work(settings: Settings, *, tell: Callable[[], None]) -> None:
    """Runs a worker until SIGINT or SIGTERM; `tell` is called once it works.

    Raises:
        SettingError: a setting cannot work.
    """
    if settings.database is None:
        raise SettingError("--database", "workers share their jobs in PostgreSQL: name the database of the server")
    stop = stop_asked_for()
    async with machinery(replace(settings, worker=True)):
        tell()
        await stop.wait()
        log.info("stopping")
