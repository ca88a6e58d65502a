"""Fair turns: which waiting job is next, so that an account with fifty jobs keeps nobody else from their one.

Start-time fair queueing (Goyal, Vin, Cheng 1996), with every job of weight one: a job's turn is one after its account's
last, or, where that is past, after the newest turn that has been begun. So accounts that wait take turns, and who comes
later gets no credit for having been away.
"""

from __future__ import annotations

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.tables import import_jobs
from outcrop.records import Stage


def next_turn(connection: sa.Connection, account: str) -> int:
    """Returns the turn of a job that the account adds now."""
    turn = import_jobs.c.turn
    newest = sa.select(turn).order_by(turn.desc()).limit(1)
    begun = connection.execute(newest.where(import_jobs.c.stage != Stage.QUEUED)).scalar_one_or_none()
    last = connection.execute(newest.where(import_jobs.c.account == account)).scalar_one_or_none()
    return max(begun or 0, last or 0) + 1
