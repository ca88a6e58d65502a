"""JobCatalog on SQL. Every change of state names the states that it may start from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from outcrop.access.quotas import require_room
from outcrop.adapters.catalog_sql.database import Database, take_turns
from outcrop.adapters.catalog_sql.deliveries import announce
from outcrop.adapters.catalog_sql.lookup import Lookup, by_id_or_name, meant
from outcrop.adapters.catalog_sql.networks import network_of
from outcrop.adapters.catalog_sql.pages import page_query
from outcrop.adapters.catalog_sql.tables import columns_of, import_jobs, imported_models, tags
from outcrop.adapters.catalog_sql.turns import next_turn
from outcrop.arn import Tenant
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import ConflictError, IllegalMoveError, NotFoundError
from outcrop.imports.job import ENDED
from outcrop.records import (
    NO_QUOTAS,
    ImportJob,
    ImportRequest,
    JobNote,
    ListQuery,
    Mark,
    Page,
    Progress,
    Quotas,
    Stage,
    StageEntry,
    Tag,
)

_LARGE = frozenset({"report"})
_PROGRESS = [import_jobs.c[name] for name in ("bytes_done", "bytes_total", "stage_entries", "marks")]

_STAGES = {stage.value: stage for stage in Stage}


class SqlJobCatalog:
    """Import jobs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id = Lookup(database, sa.select(import_jobs).where(import_jobs.c.id == sa.bindparam("identifier")))
        self._by_id_or_name = Lookup(database, by_id_or_name(import_jobs))
        self._described = Lookup(database, by_id_or_name(import_jobs, without=_LARGE))

    async def create(self, job: ImportJob, quotas: Quotas = NO_QUOTAS) -> ImportJob:
        """Adds a job and returns it; or the one that the same client request token and request made before.

        Raises:
            ConflictError: a name is taken in that account and region, or the token was used with another request.
            QuotaExceededError: the account has as much there as it may.
        """

        def work(connection: sa.Connection) -> ImportJob:
            # What is looked at below must not change before the job is there.
            take_turns(connection, f"imports of {job.tenant.account} in {job.tenant.region}")
            earlier = _same_request(connection, job)
            if earlier is not None:
                return earlier
            _require_free_names(connection, job)
            _require_room(connection, job.tenant, quotas)
            waiting = replace(job, turn=next_turn(connection, job.tenant.account))
            connection.execute(import_jobs.insert().values(**job_row(waiting)))
            if job.request.job_tags:
                connection.execute(
                    tags.insert(),
                    [{"resource_id": job.id, "key": tag.key, "value": tag.value} for tag in job.request.job_tags],
                )
            return waiting

        created = await self._database.transaction(work)
        reached(CrashPoint.JOB_CREATED)
        return created

    async def get(self, tenant: Tenant | None, identifier: str, *, with_report: bool = True) -> ImportJob:
        """Returns a job by id or name; without a tenant, of any account by id only. Raises NotFoundError."""
        if tenant is None:
            rows = await self._by_id.rows(identifier=identifier)
        else:
            lookup = self._by_id_or_name if with_report else self._described
            rows = await lookup.rows(account=tenant.account, region=tenant.region, identifier=identifier)
        if not rows:
            raise NotFoundError(f"Could not find the model import job {identifier}.")
        return job_of(meant(rows, identifier))

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportJob]:
        """Returns a page of jobs, without their reports."""
        select = page_query(import_jobs, tenant, query, without=_LARGE)
        rows = await self._database.read(lambda connection: connection.execute(select).all())
        return Page(items=tuple(job_of(row) for row in rows[: query.limit]), has_more=len(rows) > query.limit)

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
        row = await self._database.transaction(
            lambda connection: move_job(
                connection,
                job_id,
                to,
                allowed_from=allowed_from,
                at=at,
                failure_message=failure_message,
                is_told=self._database.tells_ends,
                fence=fence,
            )
        )
        reached(CrashPoint.JOB_MOVED, to)
        return job_of(row)

    async def record(self, job_id: str, note: JobNote, *, fence: int | None = None) -> None:
        """Keeps what a running job tells of itself. Raises IllegalMoveError when the job has ended."""
        values: dict[str, Any] = {}
        if note.bytes_total is not None:
            values["bytes_total"] = note.bytes_total
        if note.report is not None:
            values["report"] = note.report
        if note.wrapped_key is not None:
            values["wrapped_key"] = note.wrapped_key
        unended = (import_jobs.c.id == job_id, import_jobs.c.ended_at.is_(None), *under(fence))

        def work(connection: sa.Connection) -> int:
            counts: dict[str, Any] = {}
            if note.bytes_done is not None:
                # Held until the commit, so that of two workers that tell at once none sets the other's count back.
                row = connection.execute(sa.select(*_PROGRESS).where(*unended).with_for_update()).one_or_none()
                if row is None:
                    return 0
                counted = _progress_of(row).counted(note.bytes_done, note.counted_at)
                counts = {"bytes_done": counted.bytes_done, "marks": _marks(counted)}
            return connection.execute(import_jobs.update().where(*unended).values(**values, **counts)).rowcount

        if await self._database.transaction(work) == 0:
            raise IllegalMoveError(f"job {job_id} has ended, or is another worker's by now")
        reached(CrashPoint.JOB_NOTED, "+".join(sorted(values)) or "bytes_done")

    async def unfinished(self) -> Sequence[ImportJob]:
        """Returns the unended jobs of all accounts, oldest first, without their reports."""
        select = (
            sa.select(*columns_of(import_jobs, without=_LARGE))
            .where(import_jobs.c.ended_at.is_(None))
            .order_by(import_jobs.c.created_at, import_jobs.c.id)
        )
        rows = await self._database.read(lambda connection: connection.execute(select).all())
        return [job_of(row) for row in rows]


def move_job(
    connection: sa.Connection,
    job_id: str,
    to: Stage,
    *,
    allowed_from: frozenset[Stage],
    at: datetime,
    failure_message: str | None = None,
    fence: int | None = None,
    is_told: bool = False,
) -> sa.Row[Any]:
    """Moves a job within a transaction; returns its row. Its end is to be told, if it `is_told`.

    Raises:
        IllegalMoveError: it stands in none of `allowed_from`.
    """
    # Postgres holds the row for us; SQLite has let nobody else write since the transaction began.
    found = connection.execute(sa.select(import_jobs).where(import_jobs.c.id == job_id).with_for_update()).one_or_none()
    has_ended = to in ENDED
    row = (
        None
        if found is None
        else connection.execute(
            import_jobs.update()
            .where(import_jobs.c.id == job_id, import_jobs.c.stage.in_(sorted(allowed_from)), *under(fence))
            .values(
                stage=to,
                modified_at=at,
                ended_at=at if has_ended else None,
                failure_message=failure_message,
                # The first attempt at another stage; one that is entered again goes on counting.
                attempts=min(found.attempts, 1) if found.stage != to and not has_ended else found.attempts,
                **_progress_values(_progress_of(found).entered(to, at)),
                # A job that has ended keeps no way to the weights: a model has its own copy, a failure none.
                **({"wrapped_key": None} if has_ended else {}),
            )
            .returning(*import_jobs.c)
        ).one_or_none()
    )
    if row is None:
        raise IllegalMoveError(f"job {job_id} is in none of the stages that lead to {to}, or another worker's by now")
    if has_ended and is_told:
        announce(connection, job_id, at)
    return row


def under(fence: int | None) -> list[sa.ColumnElement[bool]]:
    """Returns the condition that a job's worker still has it; none for who is no worker."""
    return [] if fence is None else [import_jobs.c.fence == fence]


def _same_request(connection: sa.Connection, job: ImportJob) -> ImportJob | None:
    token = job.request.client_request_token
    if token is None:
        return None
    row = connection.execute(
        sa.select(import_jobs).where(
            import_jobs.c.account == job.tenant.account,
            import_jobs.c.region == job.tenant.region,
            import_jobs.c.client_request_token == token,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != _request_sha256(job.request):
        raise ConflictError("The clientRequestToken was used before, with other parameters.")
    return job_of(row)


def _request_sha256(request: ImportRequest) -> str:
    return hashlib.sha256(json.dumps(asdict(request), sort_keys=True).encode()).hexdigest()


def _require_free_names(connection: sa.Connection, job: ImportJob) -> None:
    tenant, request = job.tenant, job.request
    same_tenant = (import_jobs.c.account == tenant.account, import_jobs.c.region == tenant.region)
    taken = connection.execute(
        sa.select(import_jobs.c.id).where(*same_tenant, import_jobs.c.name == request.job_name)
    ).first()
    if taken is not None:
        raise ConflictError(f"A model import job named {request.job_name} exists. Choose another jobName.")
    running = connection.execute(
        sa.select(import_jobs.c.name).where(
            *same_tenant, import_jobs.c.model_name == request.imported_model_name, import_jobs.c.ended_at.is_(None)
        )
    ).first()
    if running is not None:
        raise ConflictError(
            f"The model import job {running.name} is importing a model named {request.imported_model_name}. "
            "Choose another importedModelName."
        )
    model = connection.execute(
        sa.select(imported_models.c.id).where(
            imported_models.c.account == tenant.account,
            imported_models.c.region == tenant.region,
            imported_models.c.name == request.imported_model_name,
        )
    ).first()
    if model is not None:
        raise ConflictError(
            f"An imported model named {request.imported_model_name} exists. "
            "Choose another importedModelName, or delete the model first."
        )


def _require_room(connection: sa.Connection, tenant: Tenant, quotas: Quotas) -> None:
    if quotas == NO_QUOTAS:
        return

    def count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
        of_tenant = (table.c.account == tenant.account, table.c.region == tenant.region)
        return int(connection.execute(sa.select(sa.func.count()).where(*of_tenant, *conditions)).scalar_one())

    jobs = count(import_jobs, import_jobs.c.ended_at.is_(None))
    require_room(quotas, jobs=jobs, models=count(imported_models))


def job_row(job: ImportJob) -> dict[str, Any]:
    """Returns a job as the columns of its table."""
    request = job.request
    return {
        "id": job.id,
        "account": job.tenant.account,
        "region": job.tenant.region,
        "name": request.job_name,
        "model_name": request.imported_model_name,
        "model_id": job.model_id,
        "principal_arn": job.principal_arn,
        "role_arn": request.role_arn,
        "source_uri": request.source_uri,
        "client_request_token": request.client_request_token,
        "request_sha256": _request_sha256(request),
        "kms_key_id": request.kms_key_id,
        "key_arn": job.key_arn,
        "network": None
        if request.network is None
        else {
            "subnet_ids": request.network.subnet_ids,
            "security_group_ids": request.network.security_group_ids,
        },
        "model_tags": [[tag.key, tag.value] for tag in request.model_tags],
        "stage": job.stage,
        "created_at": job.created_at,
        "modified_at": job.modified_at,
        "ended_at": job.ended_at,
        **_progress_values(job.progress),
        "failure_message": job.failure_message,
        "report": job.report,
        "wrapped_key": job.wrapped_key,
        "shared_artifact_id": job.shared_artifact_id,
        "turn": job.turn,
        "worker": job.worker,
        "attempts": job.attempts,
        "fence": job.fence,
    }


def job_of(row: sa.Row[Any]) -> ImportJob:
    """Returns the job of a row of its table."""
    return ImportJob(
        id=row.id,
        tenant=Tenant(account=row.account, region=row.region),
        request=ImportRequest(
            job_name=row.name,
            imported_model_name=row.model_name,
            role_arn=row.role_arn,
            source_uri=row.source_uri,
            client_request_token=row.client_request_token,
            kms_key_id=row.kms_key_id,
            network=None if row.network is None else network_of(row.network),
            model_tags=tuple(Tag(key=key, value=value) for key, value in row.model_tags),
        ),
        model_id=row.model_id,
        principal_arn=row.principal_arn,
        key_arn=row.key_arn,
        stage=_STAGES[row.stage],
        created_at=row.created_at,
        modified_at=row.modified_at,
        ended_at=row.ended_at,
        failure_message=row.failure_message,
        progress=_progress_of(row),
        report=row.report,
        wrapped_key=row.wrapped_key,
        shared_artifact_id=row.shared_artifact_id,
        turn=row.turn,
        worker=row.worker,
        attempts=row.attempts,
        fence=row.fence,
    )


def _progress_values(progress: Progress) -> dict[str, Any]:
    return {
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "stage_entries": [[entry.stage, entry.at.isoformat()] for entry in progress.entries],
        "marks": _marks(progress),
    }


def _marks(progress: Progress) -> list[tuple[str, int]]:
    return [(mark.at.isoformat(), mark.bytes_done) for mark in progress.marks]


def _progress_of(row: sa.Row[Any]) -> Progress:
    return Progress(
        bytes_done=row.bytes_done,
        bytes_total=row.bytes_total,
        entries=tuple(
            [StageEntry(stage=_STAGES[stage], at=datetime.fromisoformat(at)) for stage, at in row.stage_entries]
        ),
        marks=tuple([Mark(at=datetime.fromisoformat(at), bytes_done=done) for at, done in row.marks]),
    )
