"""The outcome of each check of `outcrop doctor`, its documented JSON form, and the exit status. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from outcrop.doctor.causes import Cause
from outcrop.records import JsonObject

SCHEMA = "outcrop.doctor/1"
EXIT_WELL, EXIT_WRONG, EXIT_UNKNOWN = 0, 1, 2


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It could not be told."""
    SKIPPED = "skipped"
    """It was not looked at: something before it is wrong, or the settings do not ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One check."""

    name: str
    state: State
    message: str
    """What was found, in one sentence; of a skipped check, why it was."""
    cure: str = ""
    """What to do, in one sentence; of wrong and unknown checks only."""


def ok(name: str, message: str) -> Outcome:
    """All is well."""
    return Outcome(name=name, state=State.OK, message=message)


def wrong(name: str, message: str, cure: str) -> Outcome:
    """Something is to be mended."""
    return Outcome(name=name, state=State.WRONG, message=message, cure=cure)


def unknown(name: str, message: str, cure: str) -> Outcome:
    """It could not be told."""
    return Outcome(name=name, state=State.UNKNOWN, message=message, cure=cure)


def skipped(name: str, why: str) -> Outcome:
    """Not looked at."""
    return Outcome(name=name, state=State.SKIPPED, message=why)


def of_cause(cause: Cause) -> Outcome:
    """A broken layer."""
    return wrong(cause.layer.value, cause.what, cause.cure)


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """1 when anything is wrong, 2 when nothing is but something could not be told, else 0."""
    states = {outcome.state for outcome in outcomes}
    if State.WRONG in states:
        return EXIT_WRONG
    return EXIT_UNKNOWN if State.UNKNOWN in states else EXIT_WELL


def to_json(target: str | None, outcomes: Sequence[Outcome]) -> JsonObject:
    """Returns the documented form (docs/doctor.md); members may be added, none is removed or changed."""
    return {
        "schema": SCHEMA,
        "target": target,
        "exit": exit_status(outcomes),
        "checks": [{**asdict(outcome), "state": outcome.state.value} for outcome in outcomes],
    }
