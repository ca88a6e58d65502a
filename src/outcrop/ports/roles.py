"""Roles that read sources."""

from __future__ import annotations

from typing import Protocol

from outcrop.records import ImportJob, RoleCredentials


class RoleBroker(Protocol):
    """Who gives the credentials of an import's `roleArn`."""

    async def assume(self, job: ImportJob) -> RoleCredentials:
        """Assumes the job's role in the job's name; each call begins a session of its own.

        Raises RoleRefusedError when the role may not be assumed, UnavailableError when that cannot be told now.
        """
        ...
