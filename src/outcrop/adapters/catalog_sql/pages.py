"""Lists: the filters, order and position of a query as SQL, the same for every table of named resources."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.tables import columns_of
from outcrop.arn import Tenant
from outcrop.records import ListQuery


def page_query(
    table: sa.Table, tenant: Tenant, query: ListQuery, *, without: frozenset[str] = frozenset()
) -> sa.Select[tuple[Any, ...]]:
    """Selects one row more than the page holds: whether it is there says if another page follows.

    Columns in `without` are read as null, where they would be large and nobody asks.
    """
    columns = columns_of(table, without=without)
    filters = _filters(table, tenant, query)
    created, row_id = table.c.created_at, table.c.id
    order = (created.asc(), row_id.asc()) if query.is_ascending else (created.desc(), row_id.desc())
    page = sa.select(*columns).order_by(*order).limit(query.limit + 1)
    if query.stages is None:
        return page.where(*filters)
    # The first of each stage, of which the index has every one in order, and the first of them all: asked for all
    # stages at once, SQLite looks through every job for the few that are in progress.
    firsts = sa.select(row_id).order_by(*order).limit(query.limit + 1)
    ids = [sa.select(firsts.where(*filters, table.c.stage == stage).subquery().c.id) for stage in sorted(query.stages)]
    return page.where(row_id.in_(sa.union_all(*ids)))


def _filters(table: sa.Table, tenant: Tenant, query: ListQuery) -> list[sa.ColumnElement[bool]]:
    created, row_id = table.c.created_at, table.c.id
    filters = [table.c.account == tenant.account, table.c.region == tenant.region]
    if query.name_contains is not None:
        filters.append(table.c.name.contains(query.name_contains, autoescape=True))
    if query.created_from is not None:
        filters.append(created >= query.created_from)
    if query.created_until is not None:
        filters.append(created < query.created_until)
    if query.after is not None:
        at, last_id = query.after
        # Written out, since SQLite plans row values less well than this, and both clauses together use the index.
        if query.is_ascending:
            filters += [created >= at, sa.or_(created > at, row_id > last_id)]
        else:
            filters += [created <= at, sa.or_(created < at, row_id < last_id)]
    return filters
