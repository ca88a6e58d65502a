"""The catalog's connection: pragmas, threads, translation of errors, and migrations."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError, OperationalError

from outcrop.adapters import postgres
from outcrop.adapters.sqlite import make_durable
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import UnavailableError
from outcrop.tasks import in_thread

Result = TypeVar("Result")

MIGRATIONS = Path(__file__).parent / "migrations"
THREADS = 4


class Database:
    """A database and the threads that talk to it: SQLAlchemy's calls block, our callers must not."""

    def __init__(self, url: str, *, tells_ends: bool = False) -> None:
        """Opens a database.

        Args:
            url: where it is.
            tells_ends: whether the end of a job is to be told to a webhook.
        """
        self.tells_ends = tells_ends
        if url.startswith("sqlite:"):
            self.engine = sa.create_engine(url)
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
            self._reading = self.engine.execution_options(outcrop_reads=True)
        else:
            self.engine = postgres.engine_of(url)
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="catalog")
        self._has_file = self.engine.dialect.name == "sqlite" and self.engine.url.database not in (None, "", ":memory:")
        self._own = threading.local()
        self._direct: list[sqlite3.Connection] = []

    def migrate(self) -> None:
        """Brings the schema to the newest version; does nothing when it is."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            # Of servers that start at once, one migrates and the others wait for it.
            take_turns(connection, "migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        reached(CrashPoint.CATALOG_MIGRATED)

    async def transaction(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Runs `work` in one transaction, in a thread; committed and on the disk when this returns.

        Raises:
            UnavailableError: the database cannot be reached or stays locked.
        """
        # Also when it is cancelled, it is over when it returns: it cannot be committed after what its caller does next.
        return await in_thread(self._threads, lambda: _run(self.engine, work))

    def transaction_here(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Runs `work` in one transaction in the calling thread, which it blocks. Raises UnavailableError."""
        return _run(self.engine, work)

    async def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Runs `work`, which only reads, on one snapshot of the database, in a thread. Raises UnavailableError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _run, self._reading, work)

    async def answers(self) -> None:
        """Returns when the catalog was read. Raises UnavailableError."""
        await self.read(lambda connection: connection.execute(sa.text("SELECT 1 FROM catalog_version")).all())

    def direct(self) -> sqlite3.Connection | None:
        """Returns the calling thread's connection for reads that are too short for a thread; None unless on SQLite.

        It reads only, sees the newest commit with each statement, and waits for nothing: sqlite3.OperationalError.
        """
        if not self._has_file:
            return None
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = _detached(self.engine)
            self._direct.append(connection)
        return connection

    def close(self) -> None:
        """Waits for what is under way and closes every connection."""
        self._threads.shutdown()
        for connection in self._direct:
            connection.close()
        self.engine.dispose()


def take_turns(connection: sa.Connection, what: str) -> None:
    """Lets one transaction at a time go on from here to its end; all that name the same thing take turns."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(what, 0))))
    # SQLite lets one transaction write at a time in any case.


def _run(engine: sa.Engine, work: Callable[[sa.Connection], Result]) -> Result:
    try:
        with engine.begin() as connection:
            return work(connection)
    except OperationalError as error:
        raise UnavailableError("the catalog's database", type(error.orig).__name__) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnavailableError("the catalog's database", "connection lost") from error
        raise


def _detached(engine: sa.Engine) -> sqlite3.Connection:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError(connection)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 0")
    return connection


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` does.
    connection.isolation_level = None
    make_durable(connection)


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads and then writes would fail, not wait, if another had written in between; one that only
    # reads must not queue behind the writers.
    reads = connection.get_execution_options().get("outcrop_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
