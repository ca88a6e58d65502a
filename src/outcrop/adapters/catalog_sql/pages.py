"""Lists: the filters, order and position of a query as SQL, the same for every table of named resources."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from outcrop.arn import Tenant
from outcrop.records import ListQuery


def page_query(
    table: sa.Table, tenant: Tenant, query: ListQuery, *, without: frozenset[str] = frozenset()
) -> sa.Select[tuple[Any, ...]]:
    """Selects one row more than the page holds: whether it is there says if another page follows.

    Columns in `without` are read as null, where they would be large and nobody asks.
    """
    created, row_id = table.c.created_at, table.c.id
    columns = [sa.null().label(column.name) if column.name in without else column for column in table.c]
    select = sa.select(*columns).where(table.c.account == tenant.account, table.c.region == tenant.region)
    if query.name_contains is not None:
        select = select.where(table.c.name.contains(query.name_contains, autoescape=True))
    if query.created_after is not None:
        select = select.where(created >= query.created_after)
    if query.created_before is not None:
        select = select.where(created <= query.created_before)
    if query.after is not None:
        at, last_id = query.after
        # Written out, since SQLite plans row values less well than this, and both clauses together use the index.
        if query.is_ascending:
            select = select.where(created >= at, sa.or_(created > at, row_id > last_id))
        else:
            select = select.where(created <= at, sa.or_(created < at, row_id < last_id))
    if query.stages is None:
        return _first(select, select.selected_columns, query)
    # A page of each stage, of which the index has every one in order, and the first of them all: asked for all stages
    # at once, SQLite looks through every job for the few that are in progress.
    pages = [
        sa.select(_first(select.where(table.c.stage == stage), select.selected_columns, query).subquery())
        for stage in sorted(query.stages)
    ]
    together = sa.union_all(*pages).subquery()
    return _first(sa.select(together), together.c, query)


def _first(
    select: sa.Select[tuple[Any, ...]], columns: sa.ColumnCollection[str, Any], query: ListQuery
) -> sa.Select[tuple[Any, ...]]:
    keys = columns["created_at"], columns["id"]
    order = [key.asc() if query.is_ascending else key.desc() for key in keys]
    return select.order_by(*order).limit(query.limit + 1)
