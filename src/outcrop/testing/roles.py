"""Roles in memory, which can be taken away, and an STS that can be away."""

from __future__ import annotations

import itertools
from datetime import timedelta

from outcrop.errors import OutcropError, RoleRefusedError
from outcrop.ports import Clock
from outcrop.records import ImportJob, RoleCredentials


class FakeRoles:
    """RoleBroker that lets every role be assumed that it knows."""

    def __init__(self, clock: Clock, *, known: set[str], duration_s: float = 900) -> None:
        """Keeps the roles.

        Args:
            clock: tells when sessions end.
            known: ARNs of the roles that may be assumed.
            duration_s: how long sessions last, in seconds; 900 is the shortest of AWS's.
        """
        self._clock = clock
        self._numbers = itertools.count(1)
        self.known = known
        self.duration_s = duration_s
        self.assumed: list[str] = []
        """The ARN of the job that each session was given to."""
        self.failures: list[OutcropError] = []
        """Raised by the next calls, one each."""

    async def assume(self, job: ImportJob) -> RoleCredentials:
        """Gives a session, unlike any other."""
        if self.failures:
            raise self.failures.pop(0)
        if job.request.role_arn not in self.known:
            raise RoleRefusedError(job.request.role_arn, "403 AccessDenied")
        self.assumed.append(job.arn)
        number = next(self._numbers)
        return RoleCredentials(
            access_key_id=f"ASIAFAKE{number}",
            secret_access_key=f"secret {number}",
            session_token=f"token {number}",
            expires_at=self._clock.now() + timedelta(seconds=self.duration_s),
        )
