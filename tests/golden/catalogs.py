"""Freezes catalogs of each revision, with rows in them, as the SQL text that makes them again.

    python -m tests.golden.catalogs POSTGRES_URL REVISION...

What is frozen is never edited, and never made anew: it is what a release left on people's disks.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.postgres import new_database

from outcrop.adapters.catalog_sql import Database
from outcrop.adapters.catalog_sql.database import MIGRATIONS

FOLDER = Path(__file__).parent / "catalogs"
AT = 1_767_225_600_000_000
"""2026-01-01, in microseconds."""

_JOB = {
    "account": "000000000000",
    "region": "us-east-1",
    "model_id": "model0000001",
    "role_arn": "arn:aws:iam::000000000000:role/import",
    "source_uri": "s3://models/m/",
    "client_request_token": None,
    "request_sha256": "a" * 64,
    "kms_key_id": None,
    "key_arn": "arn:aws:kms:us-east-1:000000000000:key/service",
    "network": '{"subnet_ids":["subnet-1"],"security_group_ids":["sg-1"]}',
    "model_tags": '[["team","rocks"]]',
    "created_at": AT,
    "modified_at": AT + 1,
    "ended_at": None,
    "bytes_total": 100,
    "failure_message": None,
    "report": '{"schema":"x"}',
}
_ROWS: dict[str, list[dict[str, Any]]] = {
    "import_jobs": [
        _JOB
        | {
            "id": "job000000001",
            "name": "done",
            "model_name": "model-1",
            "stage": "Completed",
            "ended_at": AT + 1,
            "bytes_done": 100,
            "stage_entries": '[["Queued","2026-01-01T00:00:00+00:00"],["Completed","2026-01-01T00:01:00+00:00"]]',
            "wrapped_key": None,
        },
        _JOB
        | {
            "id": "job000000002",
            "name": "running",
            "model_name": "model-2",
            "model_id": "model0000002",
            "stage": "Copy",
            "bytes_done": 50,
            "stage_entries": '[["Queued","2026-01-01T00:00:00+00:00"],["Copy","2026-01-01T00:00:30+00:00"]]',
            "wrapped_key": b"\0wrapped",
        },
    ],
    "imported_models": [
        {
            "id": "model0000001",
            "account": "000000000000",
            "region": "us-east-1",
            "name": "model-1",
            "job_id": "job000000001",
            "job_name": "done",
            "source_uri": "s3://models/m/",
            "created_at": AT,
            "architecture": "llama",
            "is_instruct": True,
            "parameters": 140_000_000_000,
            "weight_bytes": 280_000_000_000,
            "context_length": 131072,
            "custom_model_units": 8,
            "artifact_id": "job000000001",
            "manifest_sha256": "b" * 64,
            "key_arn": "arn:aws:kms:us-east-1:000000000000:key/service",
            "is_customer_key": False,
            "wrapped_key": b"\1of the model",
            "evidence": '{"output_tokens":3}',
        }
    ],
    "tags": [{"resource_id": "model0000001", "key": "team", "value": "rocks"}],
    "users": [
        {
            "account": "000000000000",
            "name": "ci",
            "created_at": AT,
            "policy": None,
            "access_keys": "[]",
            "api_keys": "[]",
        }
    ],
    "copies": [
        {
            "artifact_id": "job000000002",
            "path": "files/a",
            "upload_id": "u1",
            "size_bytes": 1 << 40,
            "part_bytes": 1 << 24,
            "header": bytes(range(40)),
        }
    ],
    "copied_parts": [
        {
            "artifact_id": "job000000002",
            "path": "files/a",
            "number": 3,
            "receipt": "etag",
            "crc64nvme": f"{7:016x}",
            "pieces": "[]",
        }
    ],
}


def load(url: str, path: Path) -> None:
    """Makes a frozen catalog in an empty database."""
    text = path.read_text()
    if url.startswith("sqlite:"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript(text)
        connection.close()
        return
    engine = sa.create_engine(sa.engine.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection_:
        connection_.exec_driver_sql(text)
    engine.dispose()


def freeze(url: str, revision: str) -> str:
    """Makes a catalog of a revision with rows in an empty database, and returns the SQL that makes it."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    metadata = sa.MetaData()
    metadata.reflect(database.engine)
    with database.engine.begin() as connection:
        for name, rows in _ROWS.items():
            if name in metadata.tables:
                connection.execute(metadata.tables[name].insert(), rows)
    with database.engine.begin() as connection:
        if database.engine.dialect.name == "sqlite":
            text = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
        else:
            text = "\n".join(f"{statement.strip()};" for statement in _statements(connection, metadata))
    database.close()
    return text + "\n"


def _statements(connection: sa.Connection, metadata: sa.MetaData) -> Iterator[str]:
    dialect = connection.dialect
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if not any(each.name == index.name for each in table.constraints):
                yield str(CreateIndex(index).compile(dialect=dialect))
        for row in connection.execute(sa.select(table)):
            values = ", ".join(_literal(value) for value in row)
            columns = ", ".join(f'"{column.name}"' for column in table.c)
            yield f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})'


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(value)
        case bytes() | memoryview():
            return f"'\\x{bytes(value).hex()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def main() -> None:
    """Freezes revisions that are not."""
    server_url, *revisions = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    for revision in revisions:
        with tempfile.TemporaryDirectory() as folder, new_database(server_url) as postgres_url:
            for kind, url in (("sqlite", f"sqlite:///{folder}/catalog.sqlite"), ("postgres", postgres_url)):
                with (FOLDER / f"{revision}.{kind}.sql").open("x") as file:
                    file.write(freeze(url, revision))


if __name__ == "__main__":
    main()
