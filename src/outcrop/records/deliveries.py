"""The telling of a job's end to a webhook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """Where the telling of an end stands."""

    WAITING = "Waiting"
    """Due at once or later; also while an attempt is under way."""
    DELIVERED = "Delivered"
    GIVEN_UP = "GivenUp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The end of a job, and how far the telling of it is. Times are UTC."""

    job_id: str
    state: DeliveryState
    created_at: datetime
    """When the job ended."""
    due_at: datetime
    """When the next attempt may begin; while one is under way, when it counts as lost."""
    attempts: int = 0
    """Those that were begun."""
    settled_at: datetime | None = None
    """When it was delivered or given up."""
    problem: str | None = None
    """What the last attempt came to grief over; never what the receiver wrote."""
