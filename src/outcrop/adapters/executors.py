"""Which workers live: each holds a lock in PostgreSQL, which frees it when the worker's connection dies.

A worker that is stopped, or whose machine hangs, keeps its connection and so its lock. But it no longer says anything
on it: the connection of a worker that was silent for `FROZEN_S` is ended by the others. When such a worker wakes up it
finds its lock gone, and begins anew under another name; what it does until then is not recorded (DBOS checks the owner
of a workflow at every step, the catalog the claim of a job).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

_NAMESPACE = 0x6F757463
"""The first number of our locks: `outc`. Advisory locks have no names."""
_VERSIONS = _NAMESPACE + 1
"""The first number of the locks of versions, which all workers of a version share."""

FROZEN_S = 15.0
"""A worker beats every few seconds."""

_TAKE = sa.text("SELECT pg_try_advisory_lock(:namespace, :number)")
_SHARE = sa.text("SELECT pg_advisory_lock_shared(:namespace, :number)")
_TRY = sa.text("SELECT pg_try_advisory_xact_lock(:namespace, :number)")
_END_FROZEN = sa.text(
    "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :namespace AND l.objid = :number "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND a.state_change < now() - make_interval(secs => :frozen_s)"
)


class Executors:
    """This worker's lock, and the sight of the others'. Blocks; for use in threads."""

    def __init__(self, engine: sa.Engine, *, frozen_s: float = FROZEN_S) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._transactions = engine
        self._frozen_s = frozen_s
        self._connection: sa.Connection | None = None

    def hold(self, executor_id: str, version: str) -> bool:
        """Takes the lock of a name, and a share of a version's, for as long as this process and its connection live."""
        self.release()
        self._connection = self._engine.connect()
        self._connection.execute(_SHARE, _lock(version, _VERSIONS))
        return bool(self._connection.execute(_TAKE, _lock(executor_id)).scalar_one())

    def beat(self) -> bool:
        """Says that this worker lives; False when its lock is gone."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(sa.text("SELECT 1"))
        except DBAPIError:
            self.release()
            return False
        return True

    def dead_among(self, executor_ids: Iterable[str]) -> list[str]:
        """Returns those that no process holds any more; the connections of frozen ones are ended, for the next time."""
        found = []
        for executor_id in executor_ids:
            with self._transactions.begin() as connection:
                if connection.execute(_TRY, _lock(executor_id)).scalar_one():
                    found.append(executor_id)
                else:
                    connection.execute(_END_FROZEN, _lock(executor_id) | {"frozen_s": self._frozen_s})
        return found

    def require_reachable(self) -> None:
        """Raises DBAPIError when the database is away: then no worker can have taken over from this one either."""
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    @contextmanager
    def alone(self, version: str) -> Iterator[bool]:
        """Says whether no worker of another version lives; if so, none begins until the context ends."""
        with self._transactions.begin() as connection:
            yield bool(connection.execute(_TRY, _lock(version, _VERSIONS)).scalar_one())

    def release(self) -> None:
        """Gives the lock back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # Ended, not returned to the pool: the lock belongs to the session.
            connection.invalidate()
        finally:
            connection.close()


def _lock(name: str, namespace: int = _NAMESPACE) -> dict[str, int | float]:
    # PostgreSQL's lock numbers are signed, its view of them is not: the sign bit is left out.
    return {"namespace": namespace, "number": zlib.crc32(name.encode()) & 0x7FFFFFFF}
