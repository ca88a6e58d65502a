"""Migrations lead to the tables that the code uses."""

from pathlib import Path

import sqlalchemy as sa
from tests.postgres import new_database

from outcrop.adapters.catalog_sql import Database
from outcrop.adapters.catalog_sql.tables import metadata


def schema_of(engine: sa.Engine) -> dict[str, object]:
    """Everything about the tables that matters, as plain values."""
    inspector = sa.inspect(engine)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column.get("primary_key", 0))
                for column in inspector.get_columns(table)
            ],
            "unique": sorted(
                (str(each["name"]), tuple(each["column_names"])) for each in inspector.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (str(each["name"]), tuple(each["column_names"]), bool(each["unique"]))
                for each in inspector.get_indexes(table)
            ),
        }
        for table in inspector.get_table_names()
        if table != "catalog_version"
    }


def test_the_migrated_schema_is_the_fresh_one(tmp_path: Path) -> None:
    """A database that was upgraded step by step equals one that is made from the tables."""
    assert_alike(f"sqlite:///{tmp_path / 'migrated.sqlite'}", f"sqlite:///{tmp_path / 'fresh.sqlite'}")


def test_the_migrated_schema_is_the_fresh_one_on_postgres(postgres: str) -> None:
    """The same on the other database."""
    with new_database(postgres) as migrated, new_database(postgres) as fresh:
        assert_alike(migrated, fresh)


def assert_alike(migrated_url: str, fresh_url: str) -> None:
    """Migrates one database, twice, makes the tables of the other, and compares them."""
    migrated, fresh = Database(migrated_url), Database(fresh_url)
    try:
        migrated.migrate()
        migrated.migrate()
        metadata.create_all(fresh.engine)

        assert schema_of(migrated.engine) == schema_of(fresh.engine)
    finally:
        migrated.close()
        fresh.close()
