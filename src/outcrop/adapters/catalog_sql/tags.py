"""TagCatalog on SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.tables import import_jobs, imported_models, tags
from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import NotFoundError, TooManyTagsError
from outcrop.records import Tag

_TABLES = {ResourceKind.JOB: import_jobs, ResourceKind.MODEL: imported_models}


class SqlTagCatalog:
    """Tags in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> tuple[Tag, ...]:
        """Returns a resource's tags, by key. Raises NotFoundError."""

        def work(connection: sa.Connection) -> tuple[Tag, ...]:
            _require(connection, tenant, kind, resource_id, is_locked=False)
            return _tags(connection, resource_id)

        return await self._database.read(work)

    async def put(
        self, tenant: Tenant, kind: ResourceKind, resource_id: str, tags: Sequence[Tag], *, most: int
    ) -> None:
        """Adds tags or gives them new values. Raises NotFoundError, TooManyTagsError."""

        def work(connection: sa.Connection) -> None:
            _require(connection, tenant, kind, resource_id)
            kept = {tag.key: tag.value for tag in _tags(connection, resource_id)} | {tag.key: tag.value for tag in tags}
            if len(kept) > most:
                arn = str(Arn(tenant=tenant, kind=kind, id=resource_id))
                raise TooManyTagsError(f"{arn} would have {len(kept)} tags; {most} are allowed.", resource_name=arn)
            _delete(connection, resource_id, [tag.key for tag in tags])
            _insert(connection, resource_id, tags)

        await self._database.transaction(work)
        reached(CrashPoint.TAGS_PUT)

    async def remove(self, tenant: Tenant, kind: ResourceKind, resource_id: str, keys: Sequence[str]) -> None:
        """Removes tags by key; keys that the resource does not have are no matter. Raises NotFoundError."""

        def work(connection: sa.Connection) -> None:
            _require(connection, tenant, kind, resource_id)
            _delete(connection, resource_id, keys)

        await self._database.transaction(work)
        reached(CrashPoint.TAGS_REMOVED)


def _require(
    connection: sa.Connection, tenant: Tenant, kind: ResourceKind, resource_id: str, *, is_locked: bool = True
) -> None:
    table = _TABLES[kind]
    select = sa.select(table.c.id).where(
        table.c.account == tenant.account, table.c.region == tenant.region, table.c.id == resource_id
    )
    # Locked, where the database has locks for rows: two calls cannot both fill the last places.
    if connection.execute(select.with_for_update() if is_locked else select).first() is None:
        raise NotFoundError(f"Could not find {Arn(tenant=tenant, kind=kind, id=resource_id)}.")


def _tags(connection: sa.Connection, resource_id: str) -> tuple[Tag, ...]:
    rows = connection.execute(
        sa.select(tags.c.key, tags.c.value).where(tags.c.resource_id == resource_id).order_by(tags.c.key)
    )
    return tuple(Tag(key=row.key, value=row.value) for row in rows)


def _delete(connection: sa.Connection, resource_id: str, keys: Sequence[str]) -> None:
    connection.execute(tags.delete().where(tags.c.resource_id == resource_id, tags.c.key.in_(keys)))


def _insert(connection: sa.Connection, resource_id: str, added: Sequence[Tag]) -> None:
    if added:
        connection.execute(
            tags.insert(), [{"resource_id": resource_id, "key": tag.key, "value": tag.value} for tag in added]
        )
