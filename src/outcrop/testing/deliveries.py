"""The outbox of jobs' ends in memory, and a receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from outcrop.records import Delivery, DeliveryState


class FakeDeliveryCatalog:
    """DeliveryCatalog on a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, Delivery] = {}

    def announce(self, job_id: str, at: datetime) -> None:
        """Notes that a job's end is to be told."""
        self.rows[job_id] = Delivery(job_id=job_id, state=DeliveryState.WAITING, created_at=at, due_at=at)

    async def claim(self, *, now: datetime, until: datetime) -> Delivery | None:
        """Takes the delivery that is due longest."""
        due = [row for row in self.rows.values() if row.state is DeliveryState.WAITING and row.due_at <= now]
        if not due:
            return None
        first = min(due, key=lambda row: (row.due_at, row.job_id))
        claimed = self.rows[first.job_id] = replace(first, due_at=until, attempts=first.attempts + 1)
        return claimed

    async def postpone(self, delivery: Delivery, *, due_at: datetime, problem: str) -> bool:
        """Lets a claimed delivery wait for its next attempt."""
        if not self._is_claimants(delivery):
            return False
        self.rows[delivery.job_id] = replace(self.rows[delivery.job_id], due_at=due_at, problem=problem)
        return True

    async def settle(self, delivery: Delivery, state: DeliveryState, *, at: datetime, problem: str | None) -> bool:
        """Ends a delivery."""
        row = self.rows[delivery.job_id]
        is_delivered = state is DeliveryState.DELIVERED and row.state is DeliveryState.WAITING
        if not (is_delivered or self._is_claimants(delivery)):
            return False
        self.rows[delivery.job_id] = replace(row, state=state, settled_at=at, problem=problem)
        return True

    async def find(self, job_id: str) -> Delivery | None:
        """Returns how far the telling of a job's end is."""
        return self.rows.get(job_id)

    async def waiting(self) -> int:
        """Counts what is neither delivered nor given up."""
        return sum(row.state is DeliveryState.WAITING for row in self.rows.values())

    def _is_claimants(self, delivery: Delivery) -> bool:
        row = self.rows[delivery.job_id]
        return row.state is DeliveryState.WAITING and row.due_at == delivery.due_at


class FakeReceiver:
    """A WebhookSender that keeps what it is sent, or raises what it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        """Of the next attempts, one each."""
        self.taken: list[tuple[bytes, Mapping[str, str]]] = []
        self.attempts: list[Mapping[str, str]] = []

    async def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Takes a message."""
        self.attempts.append(headers)
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append((body, headers))
