"""The store of each import at work here: opened once, with what the import may read with, and closed after it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from outcrop.adapters import data_folder
from outcrop.adapters.store_local import LocalObjectStore
from outcrop.app.sources import open_s3
from outcrop.imports.role_session import RoleSession
from outcrop.ports import Clock, ObjectStore, RoleBroker
from outcrop.records import ImportJob, JsonObject, SourceLocation
from outcrop.settings import Settings

if TYPE_CHECKING:
    from outcrop.adapters.store_role import RoleObjectStore


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
        self, settings: Settings, *, environment: Mapping[str, str], clock: Clock, roles: RoleBroker | None
    ) -> None:
        """Keeps how stores are opened.

        Args:
            settings: name the folders that are buckets.
            environment: the AWS variables of the process.
            clock: tells when sessions of roles end.
            roles: who assumes roles; None: nobody does.
        """
        self._environment = environment
        self._clock = clock
        self._roles = roles
        offered = settings.data / data_folder.SOURCES
        self._offered = LocalObjectStore([offered])
        self._folders = LocalObjectStore([offered] if settings.buckets is None else [settings.buckets, offered])
        self._has_s3 = settings.buckets is None
        self._server_s3: ObjectStore | None = None
        self._as_roles: dict[str, RoleObjectStore] = {}

    def read_with(self, job: ImportJob) -> ReadWith:
        """Tells what the job's source is read with."""
        bucket = SourceLocation.parse(job.request.source_uri).bucket
        if not self._has_s3 or self._folders.has_bucket(bucket):
            return ReadWith.FILES
        return ReadWith.SERVER if self._roles is None else ReadWith.ROLE

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
            UnavailableError: that cannot be told now.
        """
        if self._roles is not None and not self._is_offered(job):
            await self._roles.assume(job)

    async def open(self, job: ImportJob) -> ObjectStore:
        """Returns the job's store, the same one until it is closed. Raises as `check_role` does, for folders."""
        read_with = self.read_with(job)
        if read_with is ReadWith.FILES:
            # Nobody but the server can open the folder; with --roles sts, the role says who may have it read.
            await self.check_role(job)
            return self._folders
        if read_with is ReadWith.ROLE and self._roles is not None:
            return self._as_role(job, self._roles)
        if self._server_s3 is None:
            self._server_s3 = open_s3(self._environment)
        return self._server_s3

    async def close(self, job_id: str) -> None:
        """Ends what was opened for a job alone: its role's session is forgotten."""
        store = self._as_roles.pop(job_id, None)
        if store is not None:
            store.close()

    def _as_role(self, job: ImportJob, roles: RoleBroker) -> RoleObjectStore:
        from outcrop.adapters.store_role import RoleObjectStore  # noqa: PLC0415  # boto3 takes 0.2 s to import
        from outcrop.adapters.store_s3 import S3ObjectStore  # noqa: PLC0415

        if job.id not in self._as_roles:
            open_s3 = partial(S3ObjectStore, environment=self._environment, reader=f"The role {job.request.role_arn}")
            self._as_roles[job.id] = RoleObjectStore(RoleSession(roles, job, self._clock), open_s3)
        return self._as_roles[job.id]

    def _is_offered(self, job: ImportJob) -> bool:
        """Whether the source is a folder of `outcrop import DIR`, whose role is made up: its operator reads it."""
        return self._offered.has_bucket(SourceLocation.parse(job.request.source_uri).bucket)
