"""ArtifactCatalog on SQL: who holds which artifact.

Holders are the rows of models, and of unended jobs, that name the artifact. Whoever adds or takes one locks the
artifact's row first (on SQLite, writing transactions are one after the other anyway), and whoever takes the last one
deletes the row. So a job finds either an artifact that stays as long as the job holds it, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.jobs import under
from outcrop.adapters.catalog_sql.tables import artifacts, import_jobs, imported_models
from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import IllegalMoveError
from outcrop.records import ImportedModel, KeyCopy, SharedArtifact


class SqlArtifactCatalog:
    """Artifacts in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def share(self, job_id: str, content_sha256: str, *, fence: int | None = None) -> SharedArtifact | None:
        """Makes a job hold a published artifact of this content, of its own tenant and key. Raises IllegalMoveError."""

        def work(connection: sa.Connection) -> SharedArtifact | None:
            job = require_holding(connection, job_id, fence)
            candidates = connection.execute(
                sa.select(artifacts)
                .where(
                    artifacts.c.content_sha256 == content_sha256,
                    artifacts.c.account == job.account,
                    artifacts.c.region == job.region,
                    artifacts.c.key_arn == job.key_arn,
                )
                .order_by(artifacts.c.id)
                .with_for_update()
            ).all()
            found = next((shared for each in candidates if (shared := _shared(connection, job, each))), None)
            chosen = None if found is None else found.opener.artifact_id
            connection.execute(import_jobs.update().where(import_jobs.c.id == job_id).values(shared_artifact_id=chosen))
            if job.shared_artifact_id not in (None, chosen):
                # Held by an attempt that was killed before it had its key, and by nobody else by now.
                is_last_holder(connection, job.shared_artifact_id)
            return found

        shared = await self._database.transaction(work)
        reached(CrashPoint.ARTIFACT_SHARED, "none" if shared is None else "held")
        return shared

    async def release(self, job_id: str, *, fence: int | None = None) -> Sequence[str]:
        """Takes a job's artifacts and wrapped key from it for good; returns those whose bytes may go.

        Raises:
            IllegalMoveError: the job has ended, or is another worker's.
        """

        def work(connection: sa.Connection) -> Sequence[str]:
            shared = _unended(connection, job_id, fence).shared_artifact_id
            connection.execute(
                import_jobs.update()
                .where(import_jobs.c.id == job_id)
                .values(shared_artifact_id=None, wrapped_key=None, is_released=True)
            )
            is_free = shared is not None and is_last_holder(connection, shared)
            return [job_id, shared] if is_free else [job_id]

        free = await self._database.transaction(work)
        reached(CrashPoint.ARTIFACT_RELEASED)
        return free

    async def held(self) -> frozenset[str]:
        """Lists, at one moment, every artifact that a model or an unended job of any account holds or may write."""
        is_unended = import_jobs.c.ended_at.is_(None)
        select = sa.union(
            sa.select(imported_models.c.artifact_id),
            sa.select(import_jobs.c.id).where(is_unended),
            sa.select(import_jobs.c.shared_artifact_id).where(
                is_unended, import_jobs.c.shared_artifact_id.is_not(None)
            ),
        )
        return frozenset(await self._database.read(lambda connection: connection.execute(select).scalars().all()))

    async def copies(self, key_arn: str) -> Sequence[KeyCopy]:
        """Lists what a key has wrapped for models and unended jobs, unended jobs first."""
        jobs = sa.select(import_jobs).where(
            import_jobs.c.key_arn == key_arn, import_jobs.c.ended_at.is_(None), import_jobs.c.wrapped_key.is_not(None)
        )
        models = sa.select(imported_models).where(imported_models.c.key_arn == key_arn)

        def work(connection: sa.Connection) -> list[KeyCopy]:
            return [
                *(_copy_of_job(row, row.shared_artifact_id or row.id) for row in connection.execute(jobs)),
                *(_copy_of_model(row) for row in connection.execute(models)),
            ]

        return await self._database.read(work)

    async def rewrap(self, copy: KeyCopy, wrapped_key: bytes) -> bool:
        """Replaces the wrapped key of a model or an unended job, if it is still the one that `copy` has."""
        model_id = copy.model_arn.rpartition("/")[2]
        updates = (
            imported_models.update().where(
                imported_models.c.id == model_id, imported_models.c.wrapped_key == copy.wrapped_key
            ),
            import_jobs.update().where(
                import_jobs.c.model_id == model_id,
                import_jobs.c.wrapped_key == copy.wrapped_key,
                import_jobs.c.ended_at.is_(None),
            ),
        )
        is_replaced = await self._database.transaction(
            lambda connection: any(
                connection.execute(update.values(wrapped_key=wrapped_key)).rowcount > 0 for update in updates
            )
        )
        reached(CrashPoint.KEY_REWRAPPED)
        return is_replaced


def keep(connection: sa.Connection, model: ImportedModel, content_sha256: str) -> None:
    """Makes the artifact of a model that is being published known by its content; one that is shared is known."""
    artifact = model.artifact
    if connection.execute(sa.select(artifacts.c.id).where(artifacts.c.id == artifact.artifact_id)).first() is None:
        connection.execute(
            artifacts.insert().values(
                id=artifact.artifact_id,
                account=model.tenant.account,
                region=model.tenant.region,
                key_arn=artifact.key_arn,
                content_sha256=content_sha256,
                manifest_sha256=artifact.manifest_sha256,
            )
        )


def require_holding(connection: sa.Connection, job_id: str, fence: int | None = None) -> sa.Row[Any]:
    """Returns a job's row, locked. Raises IllegalMoveError when it has ended, or has released its artifact."""
    row = _unended(connection, job_id, fence)
    if row.is_released:
        raise IllegalMoveError(f"job {job_id} has released its artifact: it is failing")
    return row


def is_last_holder(connection: sa.Connection, artifact_id: str) -> bool:
    """Says whether the holder that this transaction took was the last one, and forgets the artifact if it was."""
    connection.execute(sa.select(artifacts.c.id).where(artifacts.c.id == artifact_id).with_for_update()).all()
    others = sa.union_all(
        sa.select(imported_models.c.id).where(imported_models.c.artifact_id == artifact_id),
        sa.select(import_jobs.c.id).where(
            import_jobs.c.shared_artifact_id == artifact_id, import_jobs.c.ended_at.is_(None)
        ),
    )
    if connection.execute(others).first() is not None:
        return False
    connection.execute(artifacts.delete().where(artifacts.c.id == artifact_id))
    return True


def _unended(connection: sa.Connection, job_id: str, fence: int | None) -> sa.Row[Any]:
    row = connection.execute(
        sa.select(import_jobs)
        .where(import_jobs.c.id == job_id, import_jobs.c.ended_at.is_(None), *under(fence))
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise IllegalMoveError(f"job {job_id} has ended, or is another worker's by now")
    return row


def _shared(connection: sa.Connection, job: sa.Row[Any], artifact: sa.Row[Any]) -> SharedArtifact | None:
    """Returns how an artifact is opened: as the job itself, if it was let in before, or as a model that has it."""
    if job.shared_artifact_id == artifact.id and job.wrapped_key is not None:
        return SharedArtifact(manifest_sha256=artifact.manifest_sha256, opener=_copy_of_job(job, artifact.id))
    model = connection.execute(
        sa.select(imported_models).where(imported_models.c.artifact_id == artifact.id).limit(1)
    ).one_or_none()
    if model is None:
        return None
    return SharedArtifact(manifest_sha256=artifact.manifest_sha256, opener=_copy_of_model(model))


def _copy_of_job(row: sa.Row[Any], artifact_id: str) -> KeyCopy:
    return KeyCopy(
        model_arn=_model_arn(row, row.model_id),
        artifact_id=artifact_id,
        key_arn=row.key_arn,
        wrapped_key=row.wrapped_key,
    )


def _copy_of_model(row: sa.Row[Any]) -> KeyCopy:
    return KeyCopy(
        model_arn=_model_arn(row, row.id),
        artifact_id=row.artifact_id,
        key_arn=row.key_arn,
        wrapped_key=row.wrapped_key,
    )


def _model_arn(row: sa.Row[Any], model_id: str) -> str:
    tenant = Tenant(account=row.account, region=row.region)
    return str(Arn(tenant=tenant, kind=ResourceKind.MODEL, id=model_id))
