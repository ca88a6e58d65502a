"""Import jobs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.records.values import JsonObject, Tag


class Stage(StrEnum):
    """Where an import job stands; `outcrop.imports.job` holds the legal moves and the public status of each."""

    QUEUED = "Queued"
    PLAN = "Plan"
    CHECK = "Check"
    COPY = "Copy"
    VERIFY = "Verify"
    PROVE = "Prove"
    PUBLISH = "Publish"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The subnets and security groups that `vpcConfig` names."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkUse:
    """An import, and the network that it named."""

    network: Network
    job_id: str
    has_ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What the caller of CreateModelImportJob asked for; never changes afterwards."""

    job_name: str
    imported_model_name: str
    role_arn: str
    source_uri: str
    client_request_token: str | None = None
    kms_key_id: str | None = None
    network: Network | None = None
    job_tags: tuple[Tag, ...] = ()
    model_tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """When a job came to a stage for the first time, UTC."""

    stage: Stage
    at: datetime


MARK_EVERY = timedelta(seconds=1)
MARKS_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How many bytes of a stage were done at a moment, UTC."""

    at: datetime
    bytes_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the current stage is. Bytes are those of the source; both are 0 where a stage moves none."""

    bytes_done: int = 0
    bytes_total: int = 0
    entries: tuple[StageEntry, ...]
    """Every stage that the job came to, the present one last."""
    marks: tuple[Mark, ...] = ()
    """The last counts of this stage that were told, a second apart, oldest first: what a rate is made from."""

    @property
    def stage_started_at(self) -> datetime:
        """When the job entered its stage, UTC."""
        return self.entries[-1].at

    def entered(self, stage: Stage, at: datetime) -> Progress:
        """Returns the progress after a move; a stage that is entered again goes on where it was."""
        if stage is self.entries[-1].stage:
            return self
        return Progress(bytes_total=self.bytes_total, entries=(*self.entries, StageEntry(stage=stage, at=at)))

    def counted(self, bytes_done: int, at: datetime | None) -> Progress:
        """Returns the progress after a count of the stage's bytes, which never goes down; `at` is when it was made."""
        done = max(self.bytes_done, bytes_done)
        is_near = at is None or (self.marks and at - self.marks[-1].at < MARK_EVERY)
        marks = self.marks if is_near or at is None else (*self.marks, Mark(at=at, bytes_done=done))[-MARKS_KEPT:]
        return replace(self, bytes_done=done, marks=marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """An import job as the catalog knows it."""

    id: str
    tenant: Tenant
    request: ImportRequest
    model_id: str
    """The id that the model will carry; chosen at creation, so that keys can name the model before it exists."""
    principal_arn: str = ""
    """Who created it; empty for jobs of before that was kept."""
    key_arn: str
    """The key that wraps the model's data key; resolved at creation."""
    stage: Stage
    created_at: datetime
    modified_at: datetime
    ended_at: datetime | None = None
    failure_message: str | None = None
    progress: Progress
    report: JsonObject | None = None
    """What the checks found, in the documented JSON form; None before the check stage."""
    wrapped_key: bytes | None = field(default=None, repr=False)
    """The model's wrapped copy of the data key while the import runs; handed to the model at the end."""
    shared_artifact_id: str | None = None
    """The artifact of an earlier import, where this one found its content stored already."""
    turn: int = 1
    """When the job's turn is, among all that wait: accounts take turns, and each account's jobs are in order."""
    worker: str | None = None
    """Who works on the job, or did at last; None before anybody did."""
    attempts: int = 0
    """How many times work on the present stage was begun; more than one means that workers died over it."""
    fence: int = 0
    """Counts the workers that had the job; who has not the newest number may write nothing of it."""

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return str(Arn(tenant=self.tenant, kind=ResourceKind.JOB, id=self.id))

    @property
    def model_arn(self) -> str:
        """The ARN that the model has, or will have."""
        return str(Arn(tenant=self.tenant, kind=ResourceKind.MODEL, id=self.model_id))

    @property
    def artifact_id(self) -> str:
        """The artifact that the model will point to: one that is shared, or one of the job's own.

        The latter has the job's id, so that a restart finds what was begun.
        """
        return self.shared_artifact_id or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNote:
    """What a running job tells of itself; None leaves what is known. `bytes_done` never goes down within a stage."""

    bytes_done: int | None = None
    counted_at: datetime | None = None
    """When `bytes_done` was counted, UTC; without it the count makes no rate."""
    bytes_total: int | None = None
    report: JsonObject | None = None
    wrapped_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How much an account may have in one region (SPEC 8.1, 8.2); None is without limit."""

    concurrent_jobs: int | None = None
    """Import jobs that have not ended."""
    models: int | None = None
    """Imported models, and those that unended jobs will make."""


NO_QUOTAS = Quotas()
