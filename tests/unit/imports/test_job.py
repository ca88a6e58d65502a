"""The table of stages."""

from itertools import pairwise

import pytest

from outcrop.imports.job import ALLOWED_FROM, ENDED, RUNNING, stages_of, status
from outcrop.records import Stage

ORDER = [Stage.QUEUED, Stage.PLAN, Stage.CHECK, Stage.COPY, Stage.VERIFY, Stage.PROVE, Stage.PUBLISH, Stage.COMPLETED]


def test_the_legal_moves_are_these_and_no_others() -> None:
    """Forward by one, again into the same running stage, and from any running stage to Failed, or back to Plan."""
    forward = {(before, after) for before, after in pairwise(ORDER)}
    again = {(stage, stage) for stage in ORDER[1:-1]}
    failing = {(stage, Stage.FAILED) for stage in ORDER[:-1]}

    legal = {(before, after) for after, sources in ALLOWED_FROM.items() for before in sources}

    anew = {(stage, Stage.PLAN) for stage in ORDER[:-1]}
    assert legal == forward | again | failing | anew


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_one_public_status(stage: Stage) -> None:
    """Clients see three statuses (SPEC 2.0.15)."""
    ends = {Stage.COMPLETED: "Completed", Stage.FAILED: "Failed"}

    assert status(stage) == ends.get(stage, "InProgress")
    assert stage in stages_of(status(stage))


def test_an_ended_job_never_moves() -> None:
    """Nothing leads out of Completed or Failed."""
    assert ENDED & frozenset().union(*ALLOWED_FROM.values()) == frozenset()
    assert frozenset(Stage) == ENDED | RUNNING
