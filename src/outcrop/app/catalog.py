"""The catalog as commands open it, beside a server or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outcrop.adapters import data_folder
from outcrop.adapters.catalog_sql import Database
from outcrop.errors import SettingError
from outcrop.settings import Settings


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Database]:
    """Gives the catalog's database, migrated.

    Raises:
        SettingError: the server that runs on the data folder has its catalog in a database that was not named.
    """
    if settings.database is None and data_folder.has_database(settings.data):
        message = f"the server on {settings.data} has its catalog in PostgreSQL: name its database"
        raise SettingError("--database", message)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.catalog_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()
