"""Waiting for what is away: the store, the database, the key service or the vault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from outcrop.errors import UnavailableError
from outcrop.ports import Clock

log = structlog.get_logger()

Result = TypeVar("Result")

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0


async def through_outages(work: Callable[[], Awaitable[Result]], *, clock: Clock, outage_s: float) -> Result:
    """Runs `work`, again and again while something is away, for at most `outage_s` since the first refusal.

    Raises:
        UnavailableError: it was away for longer.
    """
    began: float | None = None
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await work()
        except UnavailableError as error:
            now = clock.monotonic()
            began = now if began is None else began
            if now - began + wait_s > outage_s:
                raise
            log.warning("waiting_for", what=error.what, reason=error.reason, seconds=wait_s)
        await clock.sleep(wait_s)
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
