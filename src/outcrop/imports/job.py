"""The stages of an import, which may follow which, and the public status of each. Pure.

    Queued → Plan → Check → Copy → Verify → Prove → Publish → Completed
       └───────┴───────┴──────┴───────┴────────┴───────┴─────→ Failed

A stage may be entered again: after a restart, a job goes on where it was. And Plan from any: a version of Outcrop whose
workflow is another one begins the jobs anew that an older version left.
"""

from __future__ import annotations

from typing import Literal

from outcrop.records import Stage

JobStatus = Literal["InProgress", "Completed", "Failed"]

ENDED = frozenset({Stage.COMPLETED, Stage.FAILED})
RUNNING = frozenset(Stage) - ENDED

ALLOWED_FROM: dict[Stage, frozenset[Stage]] = {
    Stage.QUEUED: frozenset(),
    Stage.PLAN: RUNNING,
    Stage.CHECK: frozenset({Stage.PLAN, Stage.CHECK}),
    Stage.COPY: frozenset({Stage.CHECK, Stage.COPY}),
    Stage.VERIFY: frozenset({Stage.COPY, Stage.VERIFY}),
    Stage.PROVE: frozenset({Stage.VERIFY, Stage.PROVE}),
    Stage.PUBLISH: frozenset({Stage.PROVE, Stage.PUBLISH}),
    Stage.COMPLETED: frozenset({Stage.PUBLISH}),
    Stage.FAILED: RUNNING,
}
"""For each stage, the stages that it may be entered from."""

_STATUS_OF_END: dict[Stage, JobStatus] = {Stage.COMPLETED: "Completed", Stage.FAILED: "Failed"}


def status(stage: Stage) -> JobStatus:
    """Returns the status that AWS's clients see (SPEC 2.0.15): everything that has not ended is InProgress."""
    return _STATUS_OF_END.get(stage, "InProgress")


def stages_of(job_status: JobStatus) -> frozenset[Stage]:
    """Returns the stages that have this public status."""
    return frozenset(stage for stage in Stage if status(stage) == job_status)
