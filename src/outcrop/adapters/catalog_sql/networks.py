"""NetworkCatalog on SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database, take_turns
from outcrop.adapters.catalog_sql.tables import import_jobs, network_pins
from outcrop.crash_points import CrashPoint, reached
from outcrop.records import Network, NetworkUse


class SqlNetworkCatalog:
    """Which networks models came over, and where the names of their imports led, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pin(self, job_id: str, name: str, addresses: Sequence[str]) -> Sequence[str]:
        """Keeps the addresses of a name, unless some are kept already; returns those that are. Blocks.

        Raises:
            UnavailableError: the database is away.
        """

        def work(connection: sa.Connection) -> Sequence[str]:
            # Two workers may come here at once, for a moment: both must go on to the same addresses.
            take_turns(connection, f"network pins of {job_id}")
            kept = _pinned(connection, job_id, name)
            if kept or not addresses:
                return kept
            connection.execute(network_pins.insert().values(job_id=job_id, name=name, addresses=list(addresses)))
            return tuple(addresses)

        found = self._database.transaction_here(work)
        reached(CrashPoint.NAME_PINNED)
        return found

    async def used_by(self, model_id: str) -> NetworkUse | None:
        """Returns the network of the import that makes, or made, a model; None when it named none.

        Raises:
            UnavailableError: the database is away.
        """
        select = sa.select(import_jobs.c.id, import_jobs.c.network, import_jobs.c.ended_at).where(
            import_jobs.c.model_id == model_id
        )
        row = await self._database.read(lambda connection: connection.execute(select).one_or_none())
        if row is None or row.network is None:
            return None
        return NetworkUse(
            network=network_of(row.network),
            job_id=row.id,
            has_ended=row.ended_at is not None,
        )


def network_of(document: Mapping[str, Sequence[str]]) -> Network:
    """Returns the network that a job's row keeps."""
    return Network(subnet_ids=tuple(document["subnet_ids"]), security_group_ids=tuple(document["security_group_ids"]))


def _pinned(connection: sa.Connection, job_id: str, name: str) -> Sequence[str]:
    select = sa.select(network_pins.c.addresses).where(network_pins.c.job_id == job_id, network_pins.c.name == name)
    return tuple(connection.execute(select).scalar_one_or_none() or ())
