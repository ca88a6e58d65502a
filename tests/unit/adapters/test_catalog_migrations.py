"""Migrations lead to the tables that the code uses."""

from pathlib import Path

import sqlalchemy as sa

from outcrop.adapters.catalog_sql import Database
from outcrop.adapters.catalog_sql.tables import metadata


def schema_of(engine: sa.Engine) -> dict[str, object]:
    """Everything about the tables that matters, as plain values."""
    inspector = sa.inspect(engine)
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], column["primary_key"])
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
    migrated = Database(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    migrated.migrate()
    migrated.migrate()
    fresh = sa.create_engine(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    metadata.create_all(fresh)

    assert schema_of(migrated.engine) == schema_of(fresh)

    migrated.close()
    fresh.dispose()
