"""Rows found by their keys without a thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.samples import TENANT, sample_job

from outcrop.adapters.catalog_sql import Database, SqlJobCatalog
from outcrop.adapters.catalog_sql.lookup import Lookup
from outcrop.adapters.catalog_sql.tables import import_jobs
from outcrop.records import JobNote

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """A database with tables."""
    database = Database(f"sqlite:///{path}")
    database.migrate()
    yield database
    database.close()


async def test_what_another_process_commits_is_read_at_once(path: Path, database: Database) -> None:
    """A second connection to the file stands for the other process; no read of ours keeps an old state."""
    other = Database(f"sqlite:///{path}")
    try:
        ours, theirs = SqlJobCatalog(database), SqlJobCatalog(other)
        job = await theirs.create(sample_job(1))

        seen = []
        for done in (1, 2, 3):
            await theirs.record(job.id, JobNote(bytes_done=done))
            seen.append((await ours.get(TENANT, job.request.job_name)).progress.bytes_done)

        assert seen == [1, 2, 3]
    finally:
        other.close()


async def test_rows_are_those_that_sqlalchemy_reads(database: Database) -> None:
    """Times, documents and all other types come out alike on both ways."""
    await SqlJobCatalog(database).create(sample_job(1))
    select = sa.select(import_jobs).where(import_jobs.c.id == sa.bindparam("identifier"))

    (direct,) = await Lookup(database, select).rows(identifier=sample_job(1).id)

    (usual,) = await database.read(
        lambda connection: connection.execute(select, {"identifier": sample_job(1).id}).all()
    )
    assert tuple(direct) == tuple(usual)
    assert direct._fields == usual._fields


async def test_a_lookup_cannot_write(database: Database) -> None:
    """Its connection refuses to."""
    connection = database.direct()

    assert connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM import_jobs")


async def test_a_locked_database_is_waited_for(path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the quick way meets a lock, the read goes the slow way, which waits for its end."""
    job = await SqlJobCatalog(database).create(sample_job(1))
    lookup = Lookup(database, sa.select(import_jobs).where(import_jobs.c.id == sa.bindparam("identifier")))
    with closing(sqlite3.connect(path.with_name("locked"))) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(path.with_name("locked"), timeout=0)) as refused:
            monkeypatch.setattr(database, "direct", lambda: refused)
            rows = await lookup.rows(identifier=job.id)

    assert [row.id for row in rows] == [job.id]
