"""The store of each import at work here: opened once, with what the import may read with, and closed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from outcrop.adapters import data_folder
from outcrop.adapters.store_local import LocalObjectStore
from outcrop.app.networks import ServerNetworks
from outcrop.app.sources import open_s3
from outcrop.imports.role_session import RoleSession
from outcrop.ports import Clock, ObjectStore, RoleBroker
from outcrop.records import ImportJob, JsonObject, SourceLocation
from outcrop.settings import Settings

if TYPE_CHECKING:
    from outcrop.adapters.outbound import Outbound
    from outcrop.adapters.store_role import RoleObjectStore
    from outcrop.adapters.store_s3 import S3ObjectStore


class ReadWith(StrEnum):
    """What a source is read with, as the report says it."""

    ROLE = "role"
    """Temporary credentials of the job's roleArn."""
    SERVER = "server"
    """The server's own credentials, whatever roleArn says."""
    FILES = "files"
    """No credentials: the bucket is a folder that the server reads as itself."""


class JobSources:
    """What an import reads from, by job."""

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        networks: ServerNetworks,
        roles_by: Callable[[Outbound], RoleBroker] | None,
    ) -> None:
        """Keeps how stores are opened.

        Args:
            settings: name the folders that are buckets.
            environment: the AWS variables of the process.
            clock: tells when sessions of roles end.
            networks: know the way out of each job.
            roles_by: who assumes roles, by a way out; None: nobody does.
        """
        self._environment = environment
        self._clock = clock
        self._networks = networks
        self._roles_by = roles_by
        offered = settings.data / data_folder.SOURCES
        self._offered = LocalObjectStore([offered])
        self._folders = LocalObjectStore([offered] if settings.buckets is None else [settings.buckets, offered])
        self._has_s3 = settings.buckets is None
        self._server_s3: S3ObjectStore | None = None
        self._of_runs: dict[tuple[str, int], RoleObjectStore | S3ObjectStore] = {}
        """By job and fence: a run that lost its job must not close what its successor reads from."""

    def read_with(self, job: ImportJob) -> ReadWith:
        """Tells what the job's source is read with."""
        if not self._has_s3 or self._folders.has_bucket(_bucket_of(job)):
            return ReadWith.FILES
        return ReadWith.SERVER if self._roles_by is None else ReadWith.ROLE

    def access(self, job: ImportJob) -> JsonObject:
        """Returns the member `access` of the job's report (docs/report.md)."""
        read_with = self.read_with(job)
        return {
            "read_with": read_with.value,
            "role_arn": job.request.role_arn if read_with is ReadWith.ROLE else None,
        }

    async def check_role(self, job: ImportJob) -> None:
        """Assumes the role of a job that is about to be accepted, and forgets the credentials.

        Raises:
            RoleRefusedError: the role may not be assumed.
            NetworkRefusedError: the job's security groups do not allow the connection to STS.
            UnavailableError: that cannot be told now.
        """
        await self._pass(job, self._networks.outbound_once)

    async def open(self, job: ImportJob) -> ObjectStore:
        """Returns the store of a run of a job, the same one until it is closed; for folders, raises as `check_role`."""
        if self.read_with(job) is ReadWith.FILES:
            # Nobody but the server can open the folder; with --roles sts, the role says who may have it read.
            await self._pass(job, self._networks.outbound)
            return self._folders
        if self._roles_by is None and job.request.network is None:
            self._server_s3 = self._server_s3 or open_s3(self._environment)
            return self._server_s3
        run = (job.id, job.fence)
        if run not in self._of_runs:
            self._of_runs[run] = self._opened(job, self._networks.outbound(job))
        return self._of_runs[run]

    async def close(self, job: ImportJob) -> None:
        """Ends what was opened for a run of a job alone: its role's session is forgotten."""
        store = self._of_runs.pop((job.id, job.fence), None)
        if store is not None:
            store.close()

    @asynccontextmanager
    async def lend(self, job: ImportJob) -> AsyncIterator[ObjectStore]:
        """Gives a store for a share of a job, with a session of its own that ends with the context.

        The job may be another worker's, and its run here may end before the share does. Raises as `open` does.
        """
        if self._is_shared(job):
            yield await self.open(job)
            return
        store = self._opened(job, self._networks.outbound(job))
        try:
            yield store
        finally:
            store.close()

    def _is_shared(self, job: ImportJob) -> bool:
        """Whether the job's store is that of all jobs: folders, or S3 with the server's credentials and way out."""
        is_plain = self._roles_by is None and job.request.network is None
        return is_plain or self.read_with(job) is ReadWith.FILES

    async def _pass(self, job: ImportJob, way: Callable[[ImportJob], Outbound]) -> None:
        # A folder of `outcrop import DIR` has a made-up role, and its operator can read it anyway.
        if self._roles_by is not None and not self._offered.has_bucket(_bucket_of(job)):
            await self._roles_by(way(job)).assume(job)

    def _opened(self, job: ImportJob, way: Outbound) -> RoleObjectStore | S3ObjectStore:
        from outcrop.adapters.store_role import RoleObjectStore  # noqa: PLC0415  # boto3 takes 0.2 s to import
        from outcrop.adapters.store_s3 import S3ObjectStore  # noqa: PLC0415

        if self._roles_by is None:
            return open_s3(self._environment, way)
        reader = f"The role {job.request.role_arn}"
        return RoleObjectStore(
            RoleSession(self._roles_by(way), job, self._clock),
            partial(S3ObjectStore, environment=self._environment, outbound=way, reader=reader),
        )


def _bucket_of(job: ImportJob) -> str:
    return SourceLocation.parse(job.request.source_uri).bucket
