"""What servers and workers have in common: catalog, vault, keys, engine, and the imports at work."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from outcrop.adapters.catalog_sql import (
    Database,
    SqlArtifactCatalog,
    SqlCopyJournal,
    SqlJobCatalog,
    SqlJobClaims,
    SqlModelCatalog,
    SqlNetworkCatalog,
)
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.engine_caches import EngineCaches
from outcrop.adapters.fleet_local import LocalHost
from outcrop.adapters.jobs_dbos import DbosJobEngine, Limits
from outcrop.adapters.keys_networked import NetworkedKeys
from outcrop.adapters.memory_files import MemoryFiles
from outcrop.adapters.own_folder import own_folder
from outcrop.adapters.vault_watched import WatchedVault
from outcrop.app.engines import open_caches, open_engine
from outcrop.app.host import import_host, memory_budget
from outcrop.app.job_sources import JobSources
from outcrop.app.keys import kms_keys, open_keys
from outcrop.app.networks import ServerNetworks, load_networks
from outcrop.app.roles import roles_by
from outcrop.app.trail import Trail, open_trail
from outcrop.app.vaults import local_reads, open_vault
from outcrop.app.webhooks import ends_told
from outcrop.console.health import Readiness
from outcrop.errors import StorageError, UnavailableError
from outcrop.imports.copy import BYTES_IN_MEMORY_PER_PART
from outcrop.imports.pipeline import ImportPipeline
from outcrop.imports.publish import sweep
from outcrop.imports.tools import ImportTools
from outcrop.ports import Clock, KeyService, Meter, Networks, Vault
from outcrop.serving.capabilities import Capabilities
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.serving.measured import MeasuredHost
from outcrop.serving.prompts import Prompts
from outcrop.serving.proof import prove_model
from outcrop.serving.unsealing import Reading, open_artifact
from outcrop.settings import Settings, engine_environment, upstream_environment

log = structlog.get_logger()

MIB = 1 << 20
STARTED_AGAIN_EVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """Everything behind the API."""

    clock: Clock
    trail: Trail | None
    """Takes the records of the audit log, where there is one."""
    database: Database
    jobs: SqlJobCatalog
    models: SqlModelCatalog
    vault: Vault
    keys: KeyService
    networks: Networks
    fleet: Fleet
    capabilities: Capabilities
    prompts: Prompts
    sources: JobSources
    job_engine: DbosJobEngine


@asynccontextmanager
async def machinery(settings: Settings, meter: Meter) -> AsyncIterator[Machinery]:
    """Makes it all from settings, sets the imports going, and stops everything in the opposite order.

    Raises:
        SettingError: a setting cannot work.
        UnavailableError: the database is away.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        known = load_networks(settings.networks)
        trail = stack.enter_context(open_trail(settings))
        keys = await open_keys(settings, clock, trail)
        database = Database(settings.catalog_url, tells_ends=bool(settings.webhook_url))
        stack.callback(database.close)
        await asyncio.to_thread(database.migrate)
        jobs, models = SqlJobCatalog(database), SqlModelCatalog(database)
        networks_used = SqlNetworkCatalog(database)
        networks = ServerNetworks(
            known,
            networks_used,
            keys=keys,
            keys_by=None if settings.keys == "local" else partial(kms_keys, settings, clock, trail),
            is_worker=settings.worker,
        )
        stored = open_vault(settings.vault_place, upstream_environment())
        cores = _cores()
        threads = ThreadPoolExecutor(cores, thread_name_prefix="unseal")
        stack.callback(threads.shutdown)
        # Models of before may have come over networks also when the file is gone: that is told, not gone around.
        models_keys = keys if settings.keys == "local" else NetworkedKeys(keys, networks_used, networks.keys_of)
        reading = Reading(
            vault=stored, keys=models_keys, threads=threads, thread_count=cores, local=local_reads(stored)
        )
        opened = partial(open_artifact, reading=reading)

        run_dir = stack.enter_context(own_folder(settings.data / "run"))
        plaintext_dir = None
        if settings.plaintext_dir is not None:
            plaintext_dir = stack.enter_context(own_folder(settings.plaintext_dir))
        caches = open_caches(settings)
        engine, capabilities = open_engine(settings, run_dir=run_dir, environment=engine_environment(), caches=caches)
        memory = MemoryFiles(run_dir=run_dir, plaintext_dir=plaintext_dir)
        fleet = Fleet(
            MeasuredHost(LocalHost(engine=engine, memory=memory, open_artifact=opened), meter, clock),
            clock,
            FleetLimits(
                hold_s=settings.hold_s,
                idle_s=settings.idle_s,
                max_copies=settings.max_copies,
                memory_bytes=memory_budget(settings),
                max_waiting=settings.max_waiting,
                max_requests=settings.max_requests,
            ),
        )
        stack.push_async_callback(fleet.close)

        async def forget(artifact_id: str) -> None:
            await asyncio.to_thread(caches.forget, artifact_id)

        vault = WatchedVault(stored, deleted=forget)
        sources = JobSources(
            settings,
            environment=upstream_environment(),
            clock=clock,
            networks=networks,
            roles_by=roles_by(settings, clock),
        )
        tools = ImportTools(
            jobs=jobs,
            claims=SqlJobClaims(database),
            models=models,
            artifacts=SqlArtifactCatalog(database),
            vault=vault,
            staging=stored,
            journal=SqlCopyJournal(database),
            keys_of=networks.keys_of_job,
            clock=clock,
            open_source=sources.open,
            close_source=sources.close,
            lend_source=sources.lend,
            access=sources.access,
            prove=partial(
                prove_model, fleet=fleet, capabilities=capabilities, clock=clock, load_s=settings.engine_start_s
            ),
            retire=fleet.retire,
            host=import_host(settings),
            random_bytes=secrets.token_bytes,
            profile=settings.profile,
            worker=settings.worker_name or f"{socket.gethostname()}-{os.getpid()}",
            most_attempts=settings.most_attempts,
            share_bytes=settings.share_mib * MIB,
            outage_s=settings.outage_s,
            meter=meter,
            runs_in_memory=asyncio.Semaphore(settings.copy_memory_mib * MIB // BYTES_IN_MEMORY_PER_PART),
        )
        pipeline = ImportPipeline(tools)
        job_engine = DbosJobEngine(
            url=settings.jobs_url,
            workflow=pipeline.run,
            share=pipeline.run_share,
            limits=Limits(here=settings.concurrent_imports, all=settings.all_imports),
            is_worker=settings.worker,
        )
        if settings.worker:
            await sweep(tools)
        await _sweep_caches(caches, stored)
        await job_engine.launch()
        stack.push_async_callback(job_engine.close)
        for job in await jobs.unfinished():
            await job_engine.start(job.id, turn=job.turn)
        await stack.enter_async_context(ends_told(settings, database, jobs, clock, meter))
        starting = asyncio.create_task(_start_what_waits(jobs, job_engine, clock))
        stack.callback(starting.cancel)

        yield Machinery(
            clock=clock,
            trail=trail,
            database=database,
            jobs=jobs,
            models=models,
            vault=vault,
            keys=keys,
            networks=networks,
            fleet=fleet,
            capabilities=capabilities,
            prompts=Prompts(opened),
            sources=sources,
            job_engine=job_engine,
        )


async def _sweep_caches(caches: EngineCaches, vault: Vault) -> None:
    """Removes what was compiled for artifacts that were deleted elsewhere, or while this machine was down."""
    try:
        held = await vault.artifact_ids()
    except (StorageError, UnavailableError):
        return  # at another start
    await asyncio.to_thread(caches.sweep, held)


def readiness_of(behind: Machinery) -> Readiness:
    """Returns whether the parts answer that a server cannot do without."""
    return Readiness(
        {"catalog": behind.database.answers, "jobs": behind.job_engine.answers, "vault": behind.vault.artifact_ids},
        behind.clock,
    )


async def _start_what_waits(jobs: SqlJobCatalog, job_engine: DbosJobEngine, clock: Clock) -> None:
    """Starts accepted jobs whose workflow may never have been: their server was killed, or cut off from the jobs."""
    while True:
        await clock.sleep(STARTED_AGAIN_EVERY_S)
        try:
            for job in await jobs.unfinished():
                await job_engine.start(job.id, turn=job.turn)
        except UnavailableError as error:
            log.warning("waiting_for", what=error.what, reason=error.reason)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
