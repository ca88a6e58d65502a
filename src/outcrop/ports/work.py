"""Work that is carried on whatever is killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from outcrop.records import (
    JsonValue,
)

RunStep = Callable[[str, Callable[[], Awaitable[JsonValue]]], Awaitable[JsonValue]]
"""Runs a named step once: its JSON result is recorded durably, and a later attempt gets the record instead."""

RunShares = Callable[[Sequence[JsonValue]], AsyncIterator[JsonValue]]
"""Has shares of a job done by whichever workers are free, and gives their results in order. Once in a workflow."""

Workflow = Callable[[str, RunStep, RunShares], Awaitable[None]]
"""What a job engine runs for a job id, again from its last recorded step after every interruption."""

Share = Callable[[str, JsonValue], Awaitable[JsonValue]]
"""What a job engine runs for a share of a job, again after every interruption; two may run at once."""


class JobEngine(Protocol):
    """Runs a durable workflow for each job, to its end, whatever is killed."""

    async def launch(self) -> None:
        """Starts working, and takes up what an earlier process left behind."""
        ...

    async def start(self, job_id: str, *, turn: int) -> None:
        """Makes sure that the job's workflow runs; starting it again is harmless.

        Of the jobs that wait, the one with the least turn is next.
        """
        ...

    async def close(self) -> None:
        """Stops taking work; what is under way goes on at the next launch."""
        ...
