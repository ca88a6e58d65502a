"""ModelCatalog on SQL. Publishing is the one transaction in which a job completes and its model appears."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.artifacts import is_last_holder, keep, require_holding
from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.jobs import move_job
from outcrop.adapters.catalog_sql.lookup import Lookup, by_id_or_name, meant
from outcrop.adapters.catalog_sql.pages import page_query
from outcrop.adapters.catalog_sql.tables import imported_models, tags
from outcrop.arn import Tenant
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import NotFoundError
from outcrop.records import ArtifactRef, ImportedModel, ListQuery, ModelFacts, Page, Stage


class SqlModelCatalog:
    """Imported models in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id_or_name = Lookup(database, by_id_or_name(imported_models))

    async def publish(
        self,
        model: ImportedModel,
        *,
        content_sha256: str,
        allowed_from: frozenset[Stage],
        fence: int | None = None,
    ) -> None:
        """In one transaction: makes the model visible, its job Completed, and its artifact known by its content.

        Raises:
            IllegalMoveError: the job stands in none of the stages, has released its artifact, or is another worker's.
        """

        def work(connection: sa.Connection) -> None:
            require_holding(connection, model.job_id)
            keep(connection, model, content_sha256)
            move_job(
                connection,
                model.job_id,
                Stage.COMPLETED,
                allowed_from=allowed_from,
                at=model.created_at,
                fence=fence,
                is_told=self._database.tells_ends,
            )
            connection.execute(imported_models.insert().values(**_row_of(model)))
            if model.tags:
                connection.execute(
                    tags.insert(),
                    [{"resource_id": model.id, "key": tag.key, "value": tag.value} for tag in model.tags],
                )
            reached(CrashPoint.PUBLISH_WRITTEN)

        await self._database.transaction(work)
        reached(CrashPoint.MODEL_PUBLISHED)

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        rows = await self._by_id_or_name.rows(account=tenant.account, region=tenant.region, identifier=identifier)
        if not rows:
            raise NotFoundError(f"Could not find the imported model {identifier}.")
        return _model_of(meant(rows, identifier))

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        select = page_query(imported_models, tenant, query)
        rows = await self._database.read(lambda connection: connection.execute(select).all())
        return Page(items=tuple(_model_of(row) for row in rows[: query.limit]), has_more=len(rows) > query.limit)

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model and its wrapped key; True when nobody else holds its artifact. Raises NotFoundError."""

        def work(connection: sa.Connection) -> bool:
            gone = connection.execute(
                imported_models.delete()
                .where(
                    imported_models.c.account == tenant.account,
                    imported_models.c.region == tenant.region,
                    imported_models.c.id == model_id,
                )
                .returning(imported_models.c.artifact_id)
            ).one_or_none()
            if gone is None:
                raise NotFoundError(f"Could not find the imported model {model_id}.")
            connection.execute(tags.delete().where(tags.c.resource_id == model_id))
            return is_last_holder(connection, gone.artifact_id)

        is_last = await self._database.transaction(work)
        reached(CrashPoint.MODEL_DELETED)
        return is_last


def _row_of(model: ImportedModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "account": model.tenant.account,
        "region": model.tenant.region,
        "name": model.name,
        "job_id": model.job_id,
        "job_name": model.job_name,
        "source_uri": model.source_uri,
        "created_at": model.created_at,
        "architecture": model.facts.architecture,
        "is_instruct": model.facts.is_instruct,
        "parameters": model.facts.parameters,
        "weight_bytes": model.facts.weight_bytes,
        "context_length": model.facts.context_length,
        "custom_model_units": model.facts.custom_model_units,
        "artifact_id": model.artifact.artifact_id,
        "manifest_sha256": model.artifact.manifest_sha256,
        "key_arn": model.artifact.key_arn,
        "is_customer_key": model.is_customer_key,
        "wrapped_key": model.artifact.wrapped_key,
        "evidence": model.evidence,
    }


def _model_of(row: sa.Row[Any]) -> ImportedModel:
    return ImportedModel(
        id=row.id,
        tenant=Tenant(account=row.account, region=row.region),
        name=row.name,
        job_id=row.job_id,
        job_name=row.job_name,
        source_uri=row.source_uri,
        created_at=row.created_at,
        facts=ModelFacts(
            architecture=row.architecture,
            is_instruct=row.is_instruct,
            parameters=row.parameters,
            weight_bytes=row.weight_bytes,
            context_length=row.context_length,
            custom_model_units=row.custom_model_units,
        ),
        artifact=ArtifactRef(
            artifact_id=row.artifact_id,
            manifest_sha256=row.manifest_sha256,
            key_arn=row.key_arn,
            wrapped_key=row.wrapped_key,
        ),
        is_customer_key=row.is_customer_key,
        evidence=row.evidence,
    )
