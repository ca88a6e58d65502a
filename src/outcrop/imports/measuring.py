"""What is counted of an import when it has ended: how, why, and how long each stage took."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from outcrop.imports.failure import FailureCause
from outcrop.imports.job import ENDED
from outcrop.ports import Meter
from outcrop.records import ImportJob, Stage, StageEntry
from outcrop.records.measures import FAILURES, JOBS_ENDED, STAGE_SECONDS


def count_end(meter: Meter, job: ImportJob, at: datetime, cause: FailureCause | None = None) -> None:
    """Tells a meter of a job that ended at this moment; with a cause, as Failed."""
    end = Stage.COMPLETED if cause is None else Stage.FAILED
    entries = [entry for entry in job.progress.entries if entry.stage not in ENDED]
    for entry, following in pairwise([*entries, StageEntry(stage=end, at=at)]):
        meter.observe(STAGE_SECONDS, max(0.0, (following.at - entry.at).total_seconds()), stage=entry.stage.value)
    meter.add(JOBS_ENDED, status=end.value)
    if cause is not None:
        meter.add(FAILURES, cause=cause.value)
