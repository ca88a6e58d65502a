"""Work that is carried on whatever is killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from outcrop.records import (
    JsonValue,
)

RunStep = Callable[[str, Callable[[], Awaitable[JsonValue]]], Awaitable[JsonValue]]
"""Runs a named step once: its JSON result is recorded durably, and a later attempt gets the record instead."""

Workflow = Callable[[str, RunStep], Awaitable[None]]
"""What a job engine runs for a job id, again from its last recorded step after every interruption."""


class JobEngine(Protocol):
    """Runs a durable workflow for each job, to its end, whatever is killed."""

    async def launch(self) -> None:
        """Starts working, and takes up what an earlier process left behind."""
        ...

    async def start(self, job_id: str) -> None:
        """Makes sure that the job's workflow runs; starting it again is harmless."""
        ...

    async def close(self) -> None:
        """Stops taking work; what is under way goes on at the next launch."""
        ...
