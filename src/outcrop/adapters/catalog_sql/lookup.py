"""Single rows by their keys, which is what clients poll for: on SQLite without a thread, with SQL compiled once.

SQLite finds such a row in 20 µs. The way to a thread and back, with SQLAlchemy's work for one more statement, took a
millisecond, for most of which Python's lock kept every other request waiting (docs/decisions/0004).
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.tables import columns_of


class Lookup:
    """A SELECT that finds a few rows at most, each by a unique index; its parameters are `sa.bindparam`s."""

    def __init__(self, database: Database, select: sa.Select[Any]) -> None:
        dialect = database.engine.dialect
        compiled = select.compile(dialect=dialect)
        self._database = database
        self._select = select
        self._sql = str(compiled)
        self._order: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        columns = list(select.selected_columns)
        readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._readers = [(place, read) for place, read in enumerate(readers) if read is not None]
        self._row = _row_type([column.name for column in columns])

    async def rows(self, **values: str) -> Sequence[sa.Row[Any]]:
        """Returns the rows for these values, as of the newest commit. Raises UnavailableError."""
        connection = self._database.direct()
        if connection is not None:
            try:
                found = connection.execute(self._sql, [values[name] for name in self._order]).fetchall()
                return [self._read(row) for row in found]
            except sqlite3.OperationalError:
                pass  # Locked, which a reader nearly never meets: wait for it, or fail, where waiting harms nobody.
        return await self._database.read(lambda connection: connection.execute(self._select, values).all())

    def _read(self, row: tuple[Any, ...]) -> Any:
        values = list(row)
        for place, read in self._readers:
            values[place] = read(values[place])
        return self._row._make(values)


def _row_type(names: Sequence[str]) -> Any:
    return namedtuple("Row", names)  # noqa: PYI024  # the names are those of the query


def by_id_or_name(table: sa.Table, *, without: frozenset[str] = frozenset()) -> sa.Select[Any]:
    """Selects what an identifier may mean in an account and region: one row by its id, and another by its name.

    Columns in `without` are read as null, where they would be large and nobody asks.
    """
    identifier: sa.BindParameter[str] = sa.bindparam("identifier")
    return sa.select(*columns_of(table, without=without)).where(
        table.c.account == sa.bindparam("account"),
        table.c.region == sa.bindparam("region"),
        sa.or_(table.c.id == identifier, table.c.name == identifier),
    )


def meant(rows: Sequence[sa.Row[Any]], identifier: str) -> sa.Row[Any]:
    """Chooses among them: what has a name that looks like another one's id gives way to the id."""
    return next((row for row in rows if row.id == identifier), rows[0])
