"""The session in which an import reads with its role: assumed when it is needed, and anew before it ends.

    assume ──────────────── use ──────────────── refresh ── margin ── end
                             └── refused as expired ──┘

One import has one session in one process, in memory alone: after a kill, the next process assumes the role itself.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from outcrop.errors import UnavailableError
from outcrop.ports import Clock, RoleBroker
from outcrop.records import ImportJob, RoleCredentials

log = structlog.get_logger()

MARGIN = timedelta(minutes=5)
"""How long before its end a session is renewed: longer than a request is under way, and than clocks differ."""
SHARE_OF_LIFE = 3
"""A session of 15 minutes, the shortest that STS gives, is renewed for its last third at the latest."""
ASKED_AGAIN_S = 15.0
"""How long after STS was away it is asked again, while the old credentials still hold."""


class RoleSession:
    """The credentials of one import's role, at any moment good for the next request."""

    def __init__(self, broker: RoleBroker, job: ImportJob, clock: Clock) -> None:
        self._broker = broker
        self._job = job
        self._clock = clock
        self._held: RoleCredentials | None = None
        self._renew_at = clock.now()
        self._asked_again_at = 0.0
        self._renewing = asyncio.Lock()

    @property
    def credentials(self) -> RoleCredentials | None:
        """What requests are signed with now; None before the first `ready`."""
        return self._held

    async def ready(self) -> RoleCredentials:
        """Returns credentials that hold for a while yet, assuming the role when there are none.

        A refusal counts at once, also while the old credentials would still hold; that STS is away, only once they no
        longer do.

        Raises:
            RoleRefusedError: the role may not be assumed, or no longer.
            UnavailableError: STS is away, and there are no credentials that hold.
        """
        async with self._renewing:
            if self._held is None or self._clock.now() >= self._renew_at:
                self._held = await self._renewed(self._held)
            return self._held

    def expired(self, used: RoleCredentials) -> None:
        """Says that a request was refused since these have expired, whatever they say themselves of their end."""
        if self._held is used:
            self._held = None

    async def _renewed(self, old: RoleCredentials | None) -> RoleCredentials:
        holds = old is not None and self._clock.now() < old.expires_at
        if old is not None and holds and self._clock.monotonic() < self._asked_again_at:
            return old
        try:
            made = await self._broker.assume(self._job)
        except UnavailableError as error:
            if old is None or not holds:
                raise
            log.warning("role_not_renewed", job_arn=self._job.arn, reason=error.reason)
            self._asked_again_at = self._clock.monotonic() + ASKED_AGAIN_S
            return old
        self._renew_at = made.expires_at - min(MARGIN, (made.expires_at - self._clock.now()) / SHARE_OF_LIFE)
        return made
