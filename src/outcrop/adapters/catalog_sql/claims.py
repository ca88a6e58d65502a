"""JobClaims on SQL: the fence of a job is a number in its row that only grows."""

from __future__ import annotations

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.jobs import job_of, under
from outcrop.adapters.catalog_sql.tables import import_jobs
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import IllegalMoveError
from outcrop.records import ImportJob


class SqlJobClaims:
    """Who works on which job, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, job_id: str, *, worker: str) -> ImportJob:
        """Gives a job to a worker under a new fence, one attempt later. Raises IllegalMoveError when it has ended."""
        update = (
            import_jobs.update()
            .where(import_jobs.c.id == job_id, import_jobs.c.ended_at.is_(None))
            .values(worker=worker, fence=import_jobs.c.fence + 1, attempts=import_jobs.c.attempts + 1)
            .returning(*import_jobs.c)
        )
        row = await self._database.transaction(lambda connection: connection.execute(update).one_or_none())
        if row is None:
            raise IllegalMoveError(f"job {job_id} has ended")
        reached(CrashPoint.JOB_CLAIMED)
        return job_of(row)

    async def let_go(self, job_id: str, *, fence: int) -> None:
        """Takes the job from a worker that stops in good order; nothing happens when another has it by now."""
        attempts = import_jobs.c.attempts
        update = (
            import_jobs.update()
            .where(import_jobs.c.id == job_id, import_jobs.c.ended_at.is_(None), *under(fence))
            .values(fence=fence + 1, attempts=sa.case((attempts > 0, attempts - 1), else_=0))
        )
        await self._database.transaction(lambda connection: connection.execute(update))
        reached(CrashPoint.JOB_LET_GO)
