"""Tells the ends of jobs to a webhook, each at least once, however often it takes and whoever is killed.

What is to be told is in the catalog from the very transaction that ended the job. A delivery is claimed for as long as
an attempt may take; who dies with one leaves it due again. After a refusal it waits, longer each time, until it is
given up.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from outcrop.errors import NotTakenError, UnavailableError
from outcrop.imports.ending import event_of, message, signed_headers
from outcrop.imports.outages import through_outages
from outcrop.ports import Clock, DeliveryCatalog, JobCatalog, WebhookSender
from outcrop.records import Delivery, DeliveryState
from outcrop.tasks import Tasks

log = structlog.get_logger()

LOOK_S = 1.0
AT_ONCE = 4
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 3600.0
JITTER = 0.2
"""Up to which part a pause is longer, by chance: what failed together does not come back together."""
LEASE_BEYOND_TIMEOUT_S = 5.0
"""How much longer than an attempt a claim holds: time to read the job and to record what came of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """How the ends of jobs are told."""

    secrets: Sequence[bytes]
    """What messages are signed with; more than one while receivers change from one to the next."""
    timeout_s: float
    """How long the receiver may take for one message, in seconds."""
    give_up_s: float
    """How long after the job's end a delivery is tried, in seconds."""


def pause_s(attempts: int, chance: float) -> float:
    """Returns how long to wait after so many failed attempts, in seconds; `chance` is from 0 to 1."""
    return min(FIRST_PAUSE_S * 2.0 ** (attempts - 1), LONGEST_PAUSE_S) * (1 + JITTER * chance)


def next_attempt(
    delivery: Delivery, error: NotTakenError, *, now: datetime, give_up_s: float, chance: float
) -> datetime | None:
    """Returns when to try a delivery again; None when it is given up. The last attempt is made at the deadline."""
    deadline = delivery.created_at + timedelta(seconds=give_up_s)
    if error.is_final or now >= deadline:
        return None
    wanted = min(error.retry_after_s or 0.0, LONGEST_PAUSE_S)
    return min(deadline, now + timedelta(seconds=max(pause_s(delivery.attempts, chance), wanted)))


class Deliveries:
    """The loop that delivers. Any number of processes may run one on the same catalog."""

    def __init__(
        self,
        *,
        catalog: DeliveryCatalog,
        jobs: JobCatalog,
        sender: WebhookSender,
        clock: Clock,
        rules: DeliveryRules,
        chance: Callable[[], float],
        observe: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self._catalog = catalog
        self._jobs = jobs
        self._sender = sender
        self._clock = clock
        self._rules = rules
        self._chance = chance
        self._observe = observe

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        places = asyncio.Semaphore(AT_ONCE)
        async with Tasks() as tasks:
            while True:
                await places.acquire()
                delivery = await self._next()
                tasks.create_task(self._attempt(delivery)).add_done_callback(lambda _task: places.release())

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            await self.deliver(delivery)
        except Exception:  # the loop must go on for the others; the claim ends, and then this one is tried again
            log.exception("webhook_attempt_failed", job_id=delivery.job_id)

    async def _next(self) -> Delivery:
        while True:
            now = self._clock.now()
            lease = timedelta(seconds=self._rules.timeout_s + LEASE_BEYOND_TIMEOUT_S)
            try:
                found = await self._catalog.claim(now=now, until=now + lease)
            except UnavailableError as error:
                log.warning("waiting_for", what=error.what, reason=error.reason)
                found = None
            if found is not None:
                return found
            await self._clock.sleep(LOOK_S)

    async def deliver(self, delivery: Delivery) -> None:
        """Makes one attempt at a claimed delivery, and records what came of it."""
        try:
            await self._send(delivery)
        except NotTakenError as error:
            outcome = partial(self._not_taken, delivery, error)
        except UnavailableError as error:
            # The catalog is away: nothing was sent. The claim ends by itself.
            log.warning("waiting_for", what=error.what, reason=error.reason)
            return
        else:
            outcome = partial(self._taken, delivery)
        await self._record(outcome)

    async def _send(self, delivery: Delivery) -> None:
        event = event_of(await self._jobs.get(None, delivery.job_id))
        body = message(event)
        headers = signed_headers(body, message_id=str(event["id"]), at=self._clock.now(), secrets=self._rules.secrets)
        await self._sender.post(body, headers)

    async def _taken(self, delivery: Delivery) -> None:
        await self._catalog.settle(delivery, DeliveryState.DELIVERED, at=self._clock.now(), problem=None)
        log.info("webhook_delivered", job_id=delivery.job_id, attempts=delivery.attempts)
        self._observe("delivered")

    async def _not_taken(self, delivery: Delivery, error: NotTakenError) -> None:
        now = self._clock.now()
        due_at = next_attempt(delivery, error, now=now, give_up_s=self._rules.give_up_s, chance=self._chance())
        facts = {"job_id": delivery.job_id, "attempts": delivery.attempts, "reason": error.problem}
        if due_at is None:
            await self._catalog.settle(delivery, DeliveryState.GIVEN_UP, at=now, problem=error.problem)
            log.error("webhook_given_up", **facts)
            self._observe("given_up")
        else:
            await self._catalog.postpone(delivery, due_at=due_at, problem=error.problem)
            log.warning("webhook_not_taken", **facts, again_in_s=round((due_at - now).total_seconds(), 1))
            self._observe("failed")

    async def _record(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # However long the catalog is away: what was delivered should not be delivered again if we can help it.
        await through_outages(work, clock=self._clock, outage_s=math.inf)
