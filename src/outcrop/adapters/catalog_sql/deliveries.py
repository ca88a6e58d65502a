"""DeliveryCatalog on SQL: the outbox of jobs' ends. A claim is a due time in the future; who dies leaves it to pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.tables import webhook_deliveries
from outcrop.crash_points import CrashPoint, reached
from outcrop.records import Delivery, DeliveryState

_WAITING = webhook_deliveries.c.state == DeliveryState.WAITING


class SqlDeliveryCatalog:
    """What is to be told, in the database of the jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, *, now: datetime, until: datetime) -> Delivery | None:
        """Takes the delivery that is due longest, which is nobody else's then before `until`; None: nothing is due."""
        due = (
            sa.select(webhook_deliveries)
            .where(_WAITING, webhook_deliveries.c.due_at <= now)
            .order_by(webhook_deliveries.c.due_at, webhook_deliveries.c.job_id)
            .limit(1)
        )
        # Mostly there is nothing; to find that out, nobody needs to keep the writers waiting.
        if await self._database.read(lambda connection: connection.execute(due).first()) is None:
            return None

        def work(connection: sa.Connection) -> sa.Row[Any] | None:
            row = connection.execute(due.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            return connection.execute(
                webhook_deliveries.update()
                .where(webhook_deliveries.c.job_id == row.job_id)
                .values(due_at=until, attempts=row.attempts + 1)
                .returning(*webhook_deliveries.c)
            ).one()

        row = await self._database.transaction(work)
        reached(CrashPoint.DELIVERY_CLAIMED)
        return None if row is None else _delivery_of(row)

    async def postpone(self, delivery: Delivery, *, due_at: datetime, problem: str) -> bool:
        """Lets a claimed delivery wait for its next attempt; False when it is no longer the claimant's."""
        return await self._change(delivery, {"due_at": due_at, "problem": problem}, webhook_deliveries.c.due_at)

    async def settle(self, delivery: Delivery, state: DeliveryState, *, at: datetime, problem: str | None) -> bool:
        """Ends a delivery. What was delivered is so whoever holds it by now; it is given up by its claimant only."""
        guard = None if state is DeliveryState.DELIVERED else webhook_deliveries.c.due_at
        return await self._change(delivery, {"state": state, "settled_at": at, "problem": problem}, guard)

    async def find(self, job_id: str) -> Delivery | None:
        """Returns how far the telling of a job's end is; None where nobody is told."""
        select = sa.select(webhook_deliveries).where(webhook_deliveries.c.job_id == job_id)
        row = await self._database.read(lambda connection: connection.execute(select).one_or_none())
        return None if row is None else _delivery_of(row)

    async def waiting(self) -> int:
        """Counts what is neither delivered nor given up."""
        select = sa.select(sa.func.count()).select_from(webhook_deliveries).where(_WAITING)
        return int(await self._database.read(lambda connection: connection.execute(select).scalar_one()))

    async def _change(self, delivery: Delivery, values: dict[str, Any], guard: sa.Column[Any] | None) -> bool:
        update = webhook_deliveries.update().where(webhook_deliveries.c.job_id == delivery.job_id, _WAITING)
        if guard is not None:
            update = update.where(guard == delivery.due_at)
        is_changed = await self._database.transaction(
            lambda connection: connection.execute(update.values(**values)).rowcount == 1
        )
        reached(CrashPoint.DELIVERY_NOTED)
        return is_changed


def announce(connection: sa.Connection, job_id: str, at: datetime) -> None:
    """Notes within the transaction that ends a job that its end is to be told."""
    connection.execute(
        webhook_deliveries.insert().values(
            job_id=job_id, state=DeliveryState.WAITING, created_at=at, due_at=at, attempts=0
        )
    )


def _delivery_of(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        job_id=row.job_id,
        state=DeliveryState(row.state),
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        settled_at=row.settled_at,
        problem=row.problem,
    )
