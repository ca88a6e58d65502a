"""Lists: the filters, order and position of a query as SQL, the same for every table of named resources."""

from __future__ import annotations

import sqlalchemy as sa

from outcrop.arn import Tenant
from outcrop.records import ListQuery


def page_query(table: sa.Table, tenant: Tenant, query: ListQuery) -> sa.Select[tuple[object, ...]]:
    """Selects one row more than the page holds: whether it is there says if another page follows."""
    created, row_id = table.c.created_at, table.c.id
    select = sa.select(table).where(table.c.account == tenant.account, table.c.region == tenant.region)
    if query.name_contains is not None:
        select = select.where(table.c.name.contains(query.name_contains, autoescape=True))
    if query.created_after is not None:
        select = select.where(created >= query.created_after)
    if query.created_before is not None:
        select = select.where(created <= query.created_before)
    if query.stages is not None:
        select = select.where(table.c.stage.in_(sorted(query.stages)))
    if query.after is not None:
        at, last_id = query.after
        # Written out, since SQLite plans row values less well than this, and both clauses together use the index.
        if query.is_ascending:
            select = select.where(created >= at, sa.or_(created > at, row_id > last_id))
        else:
            select = select.where(created <= at, sa.or_(created < at, row_id < last_id))
    order = (created.asc(), row_id.asc()) if query.is_ascending else (created.desc(), row_id.desc())
    return select.order_by(*order).limit(query.limit + 1)
