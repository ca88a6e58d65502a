"""A catalog that any release left is brought to the newest form, and everything in it is there."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.golden.catalogs import FOLDER, load
from tests.unit.adapters.test_catalog_migrations import schema_of

from outcrop.adapters.catalog_sql import (
    Database,
    SqlCopyJournal,
    SqlJobCatalog,
    SqlJobClaims,
    SqlModelCatalog,
)
from outcrop.adapters.catalog_sql.tables import metadata
from outcrop.adapters.catalog_sql.tables import users as users_table
from outcrop.arn import Tenant
from outcrop.records import Stage

pytestmark = pytest.mark.anyio

TENANT = Tenant(account="000000000000", region="us-east-1")
FROZEN = sorted(FOLDER.glob("*.sql"))


def fresh_schema(url: str) -> dict[str, object]:
    """The schema that the code's tables make."""
    database = Database(url)
    metadata.create_all(database.engine)
    found = schema_of(database.engine)
    metadata.drop_all(database.engine)
    database.close()
    return found


def test_there_are_frozen_catalogs_of_both_databases() -> None:
    """Of each revision, from the first one on, with none left out."""
    revisions = sorted({path.name.partition(".")[0] for path in FROZEN})

    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    kinds = ("sqlite", "postgres")
    assert {path.name for path in FROZEN} == {f"{revision}.{kind}.sql" for revision in revisions for kind in kinds}


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.name)
async def test_a_frozen_catalog_is_upgraded(frozen: Path, request: pytest.FixtureRequest) -> None:
    """Its jobs, models, users and parts are read, a running job is claimed, and the schema is that of a new one."""
    revision, kind, _ = frozen.name.split(".")
    url = request.getfixturevalue(f"{kind}_url")
    expected = fresh_schema(url)
    load(url, frozen)

    database = Database(url)
    database.migrate()
    jobs = SqlJobCatalog(database)
    done, running = [await jobs.get(TENANT, name) for name in ("done", "running")]
    model = await SqlModelCatalog(database).get(TENANT, "model-1")
    names = await database.read(lambda connection: connection.execute(sa.select(users_table.c.name)).scalars().all())
    parts = await SqlCopyJournal(database).find("job000000002")
    claim = await SqlJobClaims(database).claim("job000000002", worker="new")
    schema = schema_of(database.engine)
    database.close()

    assert (done.stage, running.stage, running.wrapped_key) == (Stage.COMPLETED, Stage.COPY, b"\0wrapped")
    assert running.request.network is not None
    assert (model.facts.parameters, model.artifact.wrapped_key) == (140_000_000_000, b"\1of the model")
    assert names == (["ci"] if revision >= "0002" else [])
    assert [sorted(known.parts) for known in parts.values()] == ([[3]] if revision >= "0004" else [])
    assert (claim.worker, claim.attempts, claim.turn) == ("new", 1, 1)
    assert schema == expected
