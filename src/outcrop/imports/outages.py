"""Waiting for what is away: the store, the database, the key service or the vault."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from outcrop.errors import UnavailableError
from outcrop.ports import Clock

log = structlog.get_logger()

Result = TypeVar("Result")

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
JITTER = 0.5
"""Up to which part of a wait may fall away, by chance."""


async def through_outages(
    work: Callable[[], Awaitable[Result]],
    *,
    clock: Clock,
    outage_s: float,
    progress: Callable[[], int] = lambda: 0,
) -> Result:
    """Runs `work`, again and again while something is away, for at most `outage_s` since the first refusal.

    Args:
        work: what to do.
        clock: tells the time.
        outage_s: how long something may be away.
        progress: how far the work is; when that has changed between two refusals, the second is the first of a new
            outage: a source that is slow and flaky is not away.

    Raises:
        UnavailableError: it was away for longer.
    """
    began: float | None = None
    reached = progress()
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await work()
        except UnavailableError as error:
            now = clock.monotonic()
            if progress() != reached:
                began, reached, wait_s = None, progress(), FIRST_WAIT_S
            began = now if began is None else began
            if error.is_waited_out or now - began + wait_s > outage_s:
                error.is_waited_out = True
                raise
            log.warning("waiting_for", what=error.what, reason=error.reason, seconds=wait_s)
        # Not all at once: many parts that were refused together would be refused together again.
        await clock.sleep(wait_s * (1 - JITTER * random.random()))  # noqa: S311  # no secret
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
