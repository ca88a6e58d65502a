"""Loads the models that are to stay loaded, as the server starts, beside everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from outcrop.api.generate import servable
from outcrop.api.identifiers import identifier_of
from outcrop.api.services import Services
from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import OutcropError
from outcrop.settings import Settings

log = structlog.get_logger()


@asynccontextmanager
async def warmed_up(services: Services, settings: Settings) -> AsyncIterator[None]:
    """Loads the models of --keep-warm; one that is imported later stays loaded from its first request on."""
    tenant = Tenant(account=settings.account, region=settings.region)
    tasks = [
        asyncio.create_task(_warm(services, tenant, name, load_s=settings.engine_start_s))
        for name in sorted(settings.kept_warm)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _warm(services: Services, tenant: Tenant, name: str, *, load_s: float) -> None:
    try:
        model = await services.models.get(tenant, identifier_of(name, ResourceKind.MODEL, tenant))
        await services.fleet.warm(servable(services, model), hold_s=load_s)
    except OutcropError as error:
        log.warning("model_not_warmed", model=name, reason=str(error))
