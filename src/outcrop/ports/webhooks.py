"""Telling others that a job has ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from outcrop.records import Delivery, DeliveryState


class DeliveryCatalog(Protocol):
    """The ends of jobs that are to be told. A row is written in the transaction that ends its job.

    Raises UnavailableError.
    """

    async def claim(self, *, now: datetime, until: datetime) -> Delivery | None:
        """Takes the delivery that is due longest, which is nobody else's then before `until`; None: nothing is due."""
        ...

    async def postpone(self, delivery: Delivery, *, due_at: datetime, problem: str) -> bool:
        """Lets a claimed delivery wait for its next attempt; False when it is no longer the claimant's."""
        ...

    async def settle(self, delivery: Delivery, state: DeliveryState, *, at: datetime, problem: str | None) -> bool:
        """Ends a delivery. What was delivered is so whoever holds it by now; it is given up by its claimant only."""
        ...

    async def find(self, job_id: str) -> Delivery | None:
        """Returns how far the telling of a job's end is; None where nobody is told."""
        ...

    async def waiting(self) -> int:
        """Counts what is neither delivered nor given up."""
        ...


class WebhookSender(Protocol):
    """The way to the one who is told."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends a message; returns once it was taken. Raises NotTakenError."""
        ...
