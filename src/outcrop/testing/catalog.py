"""The catalogs in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from outcrop.access.quotas import require_room
from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.errors import ConflictError, IllegalMoveError, NotFoundError, TooManyTagsError
from outcrop.imports.job import ENDED
from outcrop.records import (
    NO_QUOTAS,
    ImportedModel,
    ImportJob,
    JobNote,
    KeyCopy,
    ListQuery,
    Page,
    Quotas,
    SharedArtifact,
    Stage,
    Tag,
)
from outcrop.testing.deliveries import FakeDeliveryCatalog

Listed = TypeVar("Listed", ImportJob, ImportedModel)


class FakeCatalog:
    """What the catalogs share; `jobs`, `models` and `tags` are the ports."""

    def __init__(self) -> None:
        self.job_rows: dict[str, ImportJob] = {}
        self.model_rows: dict[str, ImportedModel] = {}
        self.artifact_rows: dict[str, FakeArtifact] = {}
        self.released: set[str] = set()
        """Ids of jobs that have released what they held."""
        self.jobs = FakeJobCatalog(self)
        self.claims = FakeJobClaims(self)
        self.models = FakeModelCatalog(self)
        self.artifacts = FakeArtifactCatalog(self)
        self.tag_rows: dict[str, dict[str, str]] = {}
        self.tags = FakeTagCatalog(self)
        self.deliveries = FakeDeliveryCatalog()
        self.tells_ends = False


class FakeJobCatalog:
    """JobCatalog on a dictionary."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self._catalog = catalog

    async def create(self, job: ImportJob, quotas: Quotas = NO_QUOTAS) -> ImportJob:
        """Adds a job and returns it; or the one that the same client request token and request made before."""
        mine = [other for other in self._catalog.job_rows.values() if other.tenant == job.tenant]
        token = job.request.client_request_token
        for other in mine:
            if token is not None and other.request.client_request_token == token:
                if other.request != job.request:
                    raise ConflictError("The clientRequestToken was used before, with other parameters.")
                return other
        for other in mine:
            if other.request.job_name == job.request.job_name:
                raise ConflictError("The job's name is taken.")
            promises = other.request.imported_model_name == job.request.imported_model_name
            if promises and other.stage not in ENDED:
                raise ConflictError("The model's name is promised to another import.")
        for model in self._catalog.model_rows.values():
            if model.tenant == job.tenant and model.name == job.request.imported_model_name:
                raise ConflictError("The model's name is taken.")
        models = [model for model in self._catalog.model_rows.values() if model.tenant == job.tenant]
        require_room(quotas, jobs=len([other for other in mine if other.stage not in ENDED]), models=len(models))
        job = replace(job, turn=self._next_turn(job.tenant.account))
        self._catalog.job_rows[job.id] = job
        self._catalog.tag_rows[job.id] = {tag.key: tag.value for tag in job.request.job_tags}
        return job

    async def get(self, tenant: Tenant | None, identifier: str, *, with_report: bool = True) -> ImportJob:
        """Returns a job by id or name; without a tenant, of any account by id only."""
        job = self._catalog.job_rows.get(identifier)
        if job is not None and tenant in (None, job.tenant):
            return job if with_report else replace(job, report=None)
        for other in self._catalog.job_rows.values():
            if other.tenant == tenant and other.request.job_name == identifier:
                return other if with_report else replace(other, report=None)
        raise NotFoundError(f"Could not find the model import job {identifier}.")

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportJob]:
        """Returns a page of jobs, without their reports."""
        rows = [replace(job, report=None) for job in self._catalog.job_rows.values() if job.tenant == tenant]
        if query.stages is not None:
            rows = [job for job in rows if job.stage in query.stages]
        return _page([(job.request.job_name, job) for job in rows], query)

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
        """Moves a job to a stage. Raises IllegalMoveError when it stands in none of `allowed_from`."""
        job = self._catalog.job_rows.get(job_id)
        if job is None or job.stage not in allowed_from or fence not in (None, job.fence):
            raise IllegalMoveError(f"job {job_id} is in none of the stages that lead to {to}, or is another worker's")
        moved = replace(
            job,
            stage=to,
            modified_at=at,
            progress=job.progress.entered(to, at),
            ended_at=at if to in ENDED else None,
            failure_message=failure_message,
            wrapped_key=None if to in ENDED else job.wrapped_key,
            attempts=min(job.attempts, 1) if job.stage is not to and to not in ENDED else job.attempts,
        )
        self._catalog.job_rows[job_id] = moved
        if to in ENDED and self._catalog.tells_ends:
            self._catalog.deliveries.announce(job_id, at)
        return moved

    async def record(self, job_id: str, note: JobNote, *, fence: int | None = None) -> None:
        """Keeps what a running job tells of itself. Raises IllegalMoveError when the job has ended."""
        job = self._catalog.job_rows.get(job_id)
        if job is None or job.stage in ENDED or fence not in (None, job.fence):
            raise IllegalMoveError(f"job {job_id} has ended, or is another worker's")
        progress = job.progress if note.bytes_done is None else job.progress.counted(note.bytes_done, note.counted_at)
        if note.bytes_total is not None:
            progress = replace(progress, bytes_total=note.bytes_total)
        self._catalog.job_rows[job_id] = replace(
            job,
            progress=progress,
            report=job.report if note.report is None else note.report,
            wrapped_key=job.wrapped_key if note.wrapped_key is None else note.wrapped_key,
        )

    def _next_turn(self, account: str) -> int:
        rows = self._catalog.job_rows.values()
        taken = [job.turn for job in rows if job.stage is not Stage.QUEUED or job.tenant.account == account]
        return max(taken, default=0) + 1

    async def unfinished(self) -> Sequence[ImportJob]:
        """Returns the unended jobs of all accounts, oldest first, without their reports."""
        running = [replace(job, report=None) for job in self._catalog.job_rows.values() if job.stage not in ENDED]
        return sorted(running, key=lambda job: (job.created_at, job.id))


class FakeJobClaims:
    """JobClaims on a dictionary."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self._catalog = catalog

    async def claim(self, job_id: str, *, worker: str) -> ImportJob:
        """Gives a job to a worker under a new fence, one attempt later. Raises IllegalMoveError."""
        job = self._catalog.job_rows.get(job_id)
        if job is None or job.stage in ENDED:
            raise IllegalMoveError(f"job {job_id} has ended")
        claimed = replace(job, worker=worker, fence=job.fence + 1, attempts=job.attempts + 1)
        self._catalog.job_rows[job_id] = claimed
        return claimed

    async def let_go(self, job_id: str, *, fence: int) -> None:
        """Takes the job from a worker that stops in good order."""
        job = self._catalog.job_rows[job_id]
        if job.stage not in ENDED and job.fence == fence:
            self._catalog.job_rows[job_id] = replace(job, fence=fence + 1, attempts=max(0, job.attempts - 1))


class FakeModelCatalog:
    """ModelCatalog on a dictionary."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self._catalog = catalog

    async def publish(
        self,
        model: ImportedModel,
        *,
        content_sha256: str,
        allowed_from: frozenset[Stage],
        fence: int | None = None,
    ) -> None:
        """Makes the model visible and its job Completed. Raises IllegalMoveError."""
        if model.job_id in self._catalog.released:
            raise IllegalMoveError(f"job {model.job_id} has released its artifact")
        await self._catalog.jobs.move(
            model.job_id, Stage.COMPLETED, allowed_from=allowed_from, at=model.created_at, fence=fence
        )
        self._catalog.model_rows[model.id] = model
        self._catalog.artifact_rows.setdefault(
            model.artifact.artifact_id,
            FakeArtifact(
                tenant=model.tenant,
                key_arn=model.artifact.key_arn,
                content_sha256=content_sha256,
                manifest_sha256=model.artifact.manifest_sha256,
            ),
        )
        self._catalog.tag_rows[model.id] = {tag.key: tag.value for tag in model.tags}

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        model = self._catalog.model_rows.get(identifier)
        if model is not None and model.tenant == tenant:
            return model
        for other in self._catalog.model_rows.values():
            if other.tenant == tenant and other.name == identifier:
                return other
        raise NotFoundError(f"Could not find the imported model {identifier}.")

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        rows = [model for model in self._catalog.model_rows.values() if model.tenant == tenant]
        return _page([(model.name, model) for model in rows], query)

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model; True when nobody else holds its artifact. Raises NotFoundError."""
        model = self._catalog.model_rows.get(model_id)
        if model is None or model.tenant != tenant:
            raise NotFoundError(f"Could not find the imported model {model_id}.")
        del self._catalog.model_rows[model_id]
        return self._catalog.artifacts.is_last_holder(model.artifact.artifact_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeArtifact:
    """What is known of a published artifact."""

    tenant: Tenant
    key_arn: str
    content_sha256: str
    manifest_sha256: str


class FakeArtifactCatalog:
    """ArtifactCatalog on dictionaries."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self._catalog = catalog

    async def share(self, job_id: str, content_sha256: str, *, fence: int | None = None) -> SharedArtifact | None:
        """Makes a job hold a published artifact of this content. Raises IllegalMoveError."""
        job = self._unended(job_id, fence)
        if job_id in self._catalog.released:
            raise IllegalMoveError(f"job {job_id} has released its artifact")
        found: SharedArtifact | None = None
        for artifact_id, artifact in sorted(self._catalog.artifact_rows.items()):
            wanted = (artifact.tenant, artifact.key_arn, artifact.content_sha256)
            openers = [copy for copy in self._copies() if copy.artifact_id == artifact_id]
            if wanted == (job.tenant, job.key_arn, content_sha256) and openers:
                found = SharedArtifact(manifest_sha256=artifact.manifest_sha256, opener=openers[0])
                break
        chosen = None if found is None else found.opener.artifact_id
        self._catalog.job_rows[job_id] = replace(job, shared_artifact_id=chosen)
        if job.shared_artifact_id not in (None, chosen):
            self.is_last_holder(str(job.shared_artifact_id))
        return found

    async def release(self, job_id: str, *, fence: int | None = None) -> Sequence[str]:
        """Takes a job's artifacts and wrapped key from it; returns those whose bytes may go."""
        job = self._unended(job_id, fence)
        self._catalog.released.add(job_id)
        self._catalog.job_rows[job_id] = replace(job, shared_artifact_id=None, wrapped_key=None)
        shared = job.shared_artifact_id
        return [job_id, shared] if shared is not None and self.is_last_holder(shared) else [job_id]

    async def held(self) -> frozenset[str]:
        """Lists every artifact that a model or an unended job holds or may write."""
        running = [job for job in self._catalog.job_rows.values() if job.stage not in ENDED]
        models = self._catalog.model_rows.values()
        return frozenset(
            [job.id for job in running]
            + [job.artifact_id for job in running]
            + [model.artifact.artifact_id for model in models]
        )

    async def copies(self, key_arn: str) -> Sequence[KeyCopy]:
        """Lists what a key has wrapped for models and unended jobs."""
        return [copy for copy in self._copies() if copy.key_arn == key_arn]

    async def rewrap(self, copy: KeyCopy, wrapped_key: bytes) -> bool:
        """Replaces a wrapped key, if it is still the one that `copy` has."""
        if copy not in self._copies():
            return False
        for job in list(self._catalog.job_rows.values()):
            if job.model_arn == copy.model_arn and job.wrapped_key == copy.wrapped_key:
                self._catalog.job_rows[job.id] = replace(job, wrapped_key=wrapped_key)
        for model in list(self._catalog.model_rows.values()):
            if model.arn == copy.model_arn:
                self._catalog.model_rows[model.id] = replace(
                    model, artifact=replace(model.artifact, wrapped_key=wrapped_key)
                )
        return True

    def is_last_holder(self, artifact_id: str) -> bool:
        """Says whether nobody holds an artifact any more, and forgets it then."""
        running = [job for job in self._catalog.job_rows.values() if job.stage not in ENDED]
        holders = [job.shared_artifact_id for job in running]
        holders += [model.artifact.artifact_id for model in self._catalog.model_rows.values()]
        if artifact_id in holders:
            return False
        self._catalog.artifact_rows.pop(artifact_id, None)
        return True

    def _copies(self) -> list[KeyCopy]:
        jobs = [
            KeyCopy(
                model_arn=job.model_arn, artifact_id=job.artifact_id, key_arn=job.key_arn, wrapped_key=job.wrapped_key
            )
            for job in self._catalog.job_rows.values()
            if job.stage not in ENDED and job.wrapped_key is not None
        ]
        models = [
            KeyCopy(
                model_arn=model.arn,
                artifact_id=model.artifact.artifact_id,
                key_arn=model.artifact.key_arn,
                wrapped_key=model.artifact.wrapped_key,
            )
            for model in self._catalog.model_rows.values()
        ]
        return jobs + models

    def _unended(self, job_id: str, fence: int | None) -> ImportJob:
        job = self._catalog.job_rows.get(job_id)
        if job is None or job.stage in ENDED or fence not in (None, job.fence):
            raise IllegalMoveError(f"job {job_id} has ended, or is another worker's")
        return job


class FakeTagCatalog:
    """TagCatalog on a dictionary."""

    def __init__(self, catalog: FakeCatalog) -> None:
        self._catalog = catalog

    async def get(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> tuple[Tag, ...]:
        """Returns a resource's tags, by key."""
        return tuple(Tag(key=key, value=value) for key, value in sorted(self._rows(tenant, kind, resource_id).items()))

    async def put(
        self, tenant: Tenant, kind: ResourceKind, resource_id: str, tags: Sequence[Tag], *, most: int
    ) -> None:
        """Adds tags or gives them new values."""
        rows = self._rows(tenant, kind, resource_id)
        kept = rows | {tag.key: tag.value for tag in tags}
        if len(kept) > most:
            arn = str(Arn(tenant=tenant, kind=kind, id=resource_id))
            raise TooManyTagsError("too many tags", resource_name=arn)
        rows.update(kept)

    async def remove(self, tenant: Tenant, kind: ResourceKind, resource_id: str, keys: Sequence[str]) -> None:
        """Removes tags by key."""
        rows = self._rows(tenant, kind, resource_id)
        for key in keys:
            rows.pop(key, None)

    def _rows(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> dict[str, str]:
        table: dict[str, ImportJob] | dict[str, ImportedModel] = (
            self._catalog.job_rows if kind is ResourceKind.JOB else self._catalog.model_rows
        )
        resource = table.get(resource_id)
        if resource is None or resource.tenant != tenant:
            raise NotFoundError(f"Could not find {Arn(tenant=tenant, kind=kind, id=resource_id)}.")
        return self._catalog.tag_rows[resource_id]


def _page(rows: list[tuple[str, Listed]], query: ListQuery) -> Page[Listed]:
    found = [
        item
        for name, item in rows
        if (query.name_contains is None or query.name_contains in name)
        and (query.created_from is None or item.created_at >= query.created_from)
        and (query.created_until is None or item.created_at < query.created_until)
    ]
    found.sort(key=lambda item: (item.created_at, item.id), reverse=not query.is_ascending)
    if query.after is not None:
        at = query.after
        found = [
            item
            for item in found
            if ((item.created_at, item.id) > at if query.is_ascending else (item.created_at, item.id) < at)
        ]
    return Page(items=tuple(found[: query.limit]), has_more=len(found) > query.limit)
