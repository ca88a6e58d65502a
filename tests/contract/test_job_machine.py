"""A job under any sequence of moves, claims and notes: the fake and SQL agree, and no move is illegal."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.samples import sample_job

from outcrop.adapters.catalog_sql import Database, SqlJobCatalog, SqlJobClaims
from outcrop.errors import IllegalMoveError
from outcrop.imports.job import ALLOWED_FROM, ENDED, status
from outcrop.records import ImportJob, JobNote, Stage
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import BEGIN

JOB = replace(sample_job(1), request=replace(sample_job(1).request, job_tags=()))
"""A job's tags are kept beside it."""


class JobMachine(RuleBasedStateMachine):
    """One job in two catalogs, and workers of which some are zombies."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'catalog.sqlite'}")
        self.database.migrate()
        self.fake = FakeCatalog()
        self.jobs = (self.fake.jobs, SqlJobCatalog(self.database))
        self.claims = (self.fake.claims, SqlJobClaims(self.database))
        self.fences: list[int] = [0]
        self.both(lambda place: self.jobs[place].create(JOB))

    def both(self, work: Any) -> ImportJob | None:
        """Does the same in both catalogs, which must answer alike; None when they refuse."""

        async def outcome(place: int) -> object:
            try:
                return await work(place)
            except IllegalMoveError:
                return "refused"

        answers = [asyncio.run(outcome(place)) for place in range(2)]
        assert answers[0] == answers[1]
        return answers[0] if isinstance(answers[0], ImportJob) else None

    @property
    def job(self) -> ImportJob:
        """The job now."""
        return self.fake.job_rows[JOB.id]

    @rule(to=st.sampled_from(Stage), which=st.integers(0, 9))
    def move(self, to: Stage, which: int) -> None:
        """Some worker, perhaps one of before, moves the job as the table says."""
        before, fence = self.job, self.fences[which % len(self.fences)]
        moved = self.both(
            lambda place: self.jobs[place].move(JOB.id, to, allowed_from=ALLOWED_FROM[to], at=BEGIN, fence=fence)
        )
        assert (moved is not None) == (before.stage in ALLOWED_FROM[to] and fence == before.fence)
        assert self.job == (moved or before)

    @rule()
    def claim(self) -> None:
        """Another worker takes the job, unless it has ended."""
        before = self.job
        claimed = self.both(lambda place: self.claims[place].claim(JOB.id, worker="w"))
        assert (claimed is None) == (before.stage in ENDED)
        if claimed is not None:
            assert claimed.fence > max(self.fences)
            self.fences.append(claimed.fence)

    @rule(which=st.integers(0, 9))
    def let_go(self, which: int) -> None:
        """Some worker stops in good order."""
        self.both(lambda place: self.claims[place].let_go(JOB.id, fence=self.fences[which % len(self.fences)]))
        if self.job.fence not in self.fences:
            self.fences.append(self.job.fence)

    @rule(which=st.integers(0, 9), done=st.integers(0, 100))
    def record(self, which: int, done: int) -> None:
        """Some worker tells how far it is."""
        before, fence = self.job, self.fences[which % len(self.fences)]
        self.both(lambda place: self.jobs[place].record(JOB.id, JobNote(bytes_done=done, bytes_total=100), fence=fence))
        if before.stage in ENDED or fence != before.fence:
            assert self.job == before
        else:
            assert self.job.progress.bytes_done == max(done, before.progress.bytes_done)

    @invariant()
    def both_catalogs_have_the_same_job(self) -> None:
        """And what is public of it follows from its stage."""
        job = self.both(lambda place: self.jobs[place].get(None, JOB.id))
        assert job is not None
        assert (job.ended_at is None) == (status(job.stage) == "InProgress")
        assert job.stage not in ENDED or job.wrapped_key is None

    def teardown(self) -> None:
        """Removes the database."""
        self.database.close()
        self.folder.cleanup()


JobMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestJobMachine = JobMachine.TestCase
