"""The exit status and the JSON form of a doctor's outcomes, and what a machine is judged by."""

import pytest

from outcrop.doctor.machine import judge_clock, judge_memory, judge_memory_files, judge_objects, judge_packages
from outcrop.doctor.outcomes import Outcome, State, exit_status, ok, skipped, to_json, unknown, wrong

OK, SKIPPED = ok("a", "well"), skipped("b", "not asked for")
UNKNOWN, WRONG = unknown("c", "who knows", "look"), wrong("d", "broken", "mend it")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [([], 0), ([OK, SKIPPED], 0), ([OK, UNKNOWN], 2), ([UNKNOWN, WRONG], 1), ([WRONG], 1)],
)
def test_the_exit_status_says_the_worst(outcomes: list[Outcome], status: int) -> None:
    """0 well, 1 wrong, 2 could not tell."""
    assert exit_status(outcomes) == status


def test_the_json_form() -> None:
    """As docs/doctor.md has it."""
    assert to_json("s3://b/p", [OK, WRONG]) == {
        "schema": "outcrop.doctor/1",
        "target": "s3://b/p",
        "exit": 1,
        "checks": [
            {"name": "a", "state": "ok", "message": "well", "cure": ""},
            {"name": "d", "state": "wrong", "message": "broken", "cure": "mend it"},
        ],
    }


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (judge_packages({"boto3": "1.44", "rich": None}), State.WRONG),
        (judge_packages({"boto3": "1.44"}), State.OK),
        (judge_memory(None, None), State.UNKNOWN),
        (judge_memory(8 << 30, 1 << 30), State.WRONG),
        (judge_memory(8 << 30, 4 << 30), State.OK),
        (judge_memory_files(has_memfd=False, plaintext_dir=None), State.WRONG),
        (judge_memory_files(has_memfd=False, plaintext_dir="/ram"), State.OK),
        (judge_clock(None), State.UNKNOWN),
        (judge_clock(-1000), State.WRONG),
        (judge_clock(400), State.OK),
        (judge_objects("s3://b/m/", [], "m/"), State.WRONG),
        (judge_objects("s3://b/m/", ["m/config.json"], "m/"), State.OK),
    ],
)
def test_a_machine_is_judged_by_what_was_measured(outcome: Outcome, state: State) -> None:
    """Only what is wrong or not known has a cure."""
    assert outcome.state is state
    assert bool(outcome.cure) == (state is not State.OK)
