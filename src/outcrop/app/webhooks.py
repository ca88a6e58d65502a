"""The webhook of the settings: told of the end of each job, by whichever server or worker comes to it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outcrop.adapters.catalog_sql import Database, SqlDeliveryCatalog
from outcrop.imports.delivery import Deliveries, DeliveryRules
from outcrop.ports import Clock, JobCatalog, Meter
from outcrop.records.measures import WEBHOOK_ATTEMPTS
from outcrop.setting_values import signing_keys
from outcrop.settings import Settings


@asynccontextmanager
async def ends_told(
    settings: Settings, database: Database, jobs: JobCatalog, clock: Clock, meter: Meter
) -> AsyncIterator[None]:
    """Delivers while the context lasts, if the settings name a webhook. What is left waits for the next process."""
    if not settings.webhook_url:
        yield
        return
    # httpx takes a moment to import, which a server without a webhook need not spend.
    from outcrop.adapters.webhook_http import HttpWebhook  # noqa: PLC0415

    sender = HttpWebhook(settings.webhook_url, timeout_s=settings.webhook_timeout_s)
    deliveries = Deliveries(
        catalog=SqlDeliveryCatalog(database),
        jobs=jobs,
        sender=sender,
        clock=clock,
        rules=DeliveryRules(
            secrets=signing_keys(settings.webhook_secret),
            timeout_s=settings.webhook_timeout_s,
            give_up_s=settings.webhook_give_up_s,
        ),
        chance=random.random,
        observe=lambda outcome: meter.add(WEBHOOK_ATTEMPTS, outcome=outcome),
    )
    running = asyncio.create_task(deliveries.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        await sender.close()
