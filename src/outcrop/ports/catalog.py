"""The durable record of what there is.

Who works on a job has claimed it, and got a fence number with the claim, greater than any before. What is written under
a `fence` that is no longer the job's is refused with IllegalMoveError: another worker has the job by now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from outcrop.arn import ResourceKind, Tenant
from outcrop.records import (
    NO_QUOTAS,
    ImportedModel,
    ImportJob,
    JobNote,
    KeyCopy,
    ListQuery,
    Page,
    Quotas,
    SealedPart,
    SealedSoFar,
    SharedArtifact,
    Stage,
    Tag,
    Upload,
    User,
)


class CopyJournal(Protocol):
    """The durable record of which parts of which files are in the vault. Nothing in it is secret."""

    async def begin(self, upload: Upload, header: bytes, *, fence: int | None = None) -> None:
        """Begins the record of a file; an earlier one of the same file is forgotten.

        With the fence of the job that the artifact is named after: raises IllegalMoveError.
        """
        ...

    async def add(self, upload: Upload, parts: Sequence[SealedPart]) -> None:
        """Adds parts; those of an upload that is no longer the file's are no matter."""
        ...

    async def find(self, artifact_id: str) -> Mapping[str, SealedSoFar]:
        """Returns what is known of an artifact's files, by path."""
        ...

    async def sealed_bytes(self, artifact_id: str) -> int:
        """Returns how many sealed bytes of an artifact are known to be in the vault; cheap to ask."""
        ...

    async def forget(self, artifact_id: str) -> None:
        """Forgets all files of an artifact."""
        ...


class JobCatalog(Protocol):
    """The durable record of import jobs. Creating and moving are transactions; what returned is on the disk."""

    async def create(self, job: ImportJob, quotas: Quotas = NO_QUOTAS) -> ImportJob:
        """Adds a job and returns it; or the one that the same client request token and request made before.

        Raises ConflictError when the job's or the model's name is taken in that account and region, or the token was
        used with another request; QuotaExceededError when the account has as much there as it may.
        """
        ...

    async def get(self, tenant: Tenant | None, identifier: str, *, with_report: bool = True) -> ImportJob:
        """Returns a job by id or name; without a tenant, of any account by id only. Raises NotFoundError.

        Without its report, which can be large, it is read in less time.
        """
        ...

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportJob]:
        """Returns a page of jobs, without their reports, which can be large."""
        ...

    async def move(
        self,
        job_id: str,
        to: Stage,
        *,
        allowed_from: frozenset[Stage],
        at: datetime,
        failure_message: str | None = None,
        fence: int | None = None,
    ) -> ImportJob:
        """Moves a job to a stage. Raises IllegalMoveError when it stands in none of `allowed_from`.

        In a stage that the job was not in before, its worker's first attempt begins.
        """
        ...

    async def record(self, job_id: str, note: JobNote, *, fence: int | None = None) -> None:
        """Keeps what a running job tells of itself. Raises IllegalMoveError when the job has ended."""
        ...

    async def unfinished(self) -> Sequence[ImportJob]:
        """Returns the unended jobs of all accounts, oldest first, without their reports."""
        ...


class JobClaims(Protocol):
    """Who works on which import job. Both are transactions."""

    async def claim(self, job_id: str, *, worker: str) -> ImportJob:
        """Gives a job to a worker under a new fence, one attempt later. Raises IllegalMoveError when it has ended."""
        ...

    async def let_go(self, job_id: str, *, fence: int) -> None:
        """Takes the job from a worker that stops in good order: its attempt does not count.

        Does nothing when another has claimed the job since, or it has ended.
        """
        ...


class ModelCatalog(Protocol):
    """The durable record of imported models."""

    async def publish(
        self,
        model: ImportedModel,
        *,
        content_sha256: str,
        allowed_from: frozenset[Stage],
        fence: int | None = None,
    ) -> None:
        """In one transaction: makes the model visible, its job Completed, and its artifact known by its content.

        Raises IllegalMoveError, also when the job has released its artifact.
        """
        ...

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        ...

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        ...

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model and its wrapped key; True when nobody else holds its artifact. Raises NotFoundError."""
        ...


class ArtifactCatalog(Protocol):
    """Who holds which artifact, and by which wrapped key. Models and unended jobs hold artifacts.

    What nobody holds can be held by nobody again, so its bytes may go: each change that takes a holder away or adds
    one is a transaction on the artifact.
    """

    async def share(self, job_id: str, content_sha256: str, *, fence: int | None = None) -> SharedArtifact | None:
        """Makes a job hold a published artifact of this content, of the job's own account, region and key.

        None: there is no such artifact, and the job holds none but its own. Asked again, it answers for the present.
        Raises IllegalMoveError when the job has ended.
        """
        ...

    async def release(self, job_id: str, *, fence: int | None = None) -> Sequence[str]:
        """Takes a job's artifacts and wrapped key from it for good; returns the artifacts whose bytes may go.

        Raises IllegalMoveError when the job has ended: its artifact is its model's then.
        """
        ...

    async def held(self) -> frozenset[str]:
        """Lists, at one moment, every artifact that a model or an unended job of any account holds or may write."""
        ...

    async def copies(self, key_arn: str) -> Sequence[KeyCopy]:
        """Lists what a key has wrapped for models and unended jobs, unended jobs first."""
        ...

    async def rewrap(self, copy: KeyCopy, wrapped_key: bytes) -> bool:
        """Replaces the wrapped key of a model or an unended job, if it is still the one that `copy` has."""
        ...


class TagCatalog(Protocol):
    """The tags of jobs and models. All raise NotFoundError for a resource that is not there."""

    async def get(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> tuple[Tag, ...]:
        """Returns a resource's tags, by key."""
        ...

    async def put(
        self, tenant: Tenant, kind: ResourceKind, resource_id: str, tags: Sequence[Tag], *, most: int
    ) -> None:
        """Adds tags or gives them new values. Raises TooManyTagsError when the resource would have more than `most`."""
        ...

    async def remove(self, tenant: Tenant, kind: ResourceKind, resource_id: str, keys: Sequence[str]) -> None:
        """Removes tags by key; keys that the resource does not have are no matter."""
        ...


class UserCatalog(Protocol):
    """The users and their keys. Few, and read as a whole; every change makes the version another one."""

    async def version(self) -> int:
        """Returns a number that differs after every change; cheap to ask."""
        ...

    async def all(self) -> Sequence[User]:
        """Returns every user, by account and name."""
        ...

    async def create(self, user: User) -> None:
        """Adds a user. Raises ConflictError when the account has one of this name."""
        ...

    async def change(self, account: str, name: str, edit: Callable[[User], User]) -> User:
        """Replaces a user by what `edit` makes of it, and returns that; nobody else's change comes between.

        Raises NotFoundError.
        """
        ...

    async def delete(self, account: str, name: str) -> None:
        """Removes a user with all keys. Raises NotFoundError."""
        ...
