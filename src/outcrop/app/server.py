"""Everything behind `outcrop serve`: made from settings, started and stopped in order."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server as Granian
from starlette.requests import Request
from starlette.types import ASGIApp

from outcrop.adapters import data_folder
from outcrop.adapters.audit_file import AuditFile
from outcrop.adapters.catalog_sql import (
    Database,
    SqlArtifactCatalog,
    SqlCopyJournal,
    SqlJobCatalog,
    SqlModelCatalog,
    SqlTagCatalog,
)
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.fleet_local import LocalHost
from outcrop.adapters.jobs_dbos import DbosJobEngine
from outcrop.adapters.memory_files import MemoryFiles
from outcrop.adapters.root_key import derived_key
from outcrop.api.calls import Call
from outcrop.api.operations import handlers
from outcrop.api.permissions import Permissions
from outcrop.api.principals import Principals
from outcrop.api.services import Services
from outcrop.app.access import quotas_of, root_of, throttle_of, user_catalog
from outcrop.app.engines import open_engine
from outcrop.app.host import import_host
from outcrop.app.keys import open_keys
from outcrop.app.sources import Sources, server_sources
from outcrop.app.vaults import local_reads, open_vault
from outcrop.app.warming import warmed_up
from outcrop.arn import Tenant
from outcrop.console.app import PREFIXES, ConsoleServices, console_app
from outcrop.console.metrics import Metrics
from outcrop.errors import SettingError
from outcrop.imports.copy import BYTES_IN_MEMORY_PER_PART
from outcrop.imports.pipeline import ImportPipeline
from outcrop.imports.publish import sweep
from outcrop.imports.tools import ImportTools
from outcrop.ports import Clock
from outcrop.records import Caller, ImportJob, Principal
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.serving.prompts import Prompts
from outcrop.serving.proof import prove_model
from outcrop.serving.unsealing import Reading, open_artifact
from outcrop.settings import Settings, engine_environment, upstream_environment
from outcrop.wire.authenticate import (
    Authenticator,
    BearerAuthenticator,
    FreshAuthenticator,
    SchemeAuthenticator,
    SigV4Authenticator,
    UnsignedAuthenticator,
)
from outcrop.wire.gateway import Gateway
from outcrop.wire.request import HttpRequest, read_headers
from outcrop.wire.trail import Record

log = structlog.get_logger()

MIB = 1 << 20
LISTEN_POLL_S = 0.02
DRAIN_S = 5.0
"""How long requests that are under way may take to end when the server stops."""


async def serve(settings: Settings, *, tell: Callable[[str], None]) -> None:
    """Runs a server until SIGINT or SIGTERM; `tell` is given its URL once it listens.

    Raises:
        SettingError: a setting cannot work, or another server uses the data folder.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with data_folder.hold(settings.data):
        async with _application(settings) as app, _listening(app, settings) as url:
            with data_folder.announce(settings.data, url):
                tell(url)
                await stop.wait()
                log.info("stopping")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authentication:
    authenticator: Authenticator
    permissions: Permissions

    async def admit(self, request: Request, body: bytes, job_identifier: str) -> Tenant:
        """Whose request one of the console's is: signed like GetModelImportJob, by who may make that call."""
        identity = await self.authenticator.authenticate(
            HttpRequest(
                method=request.method,
                raw_path=request.scope["raw_path"],
                query=request.scope["query_string"],
                headers=read_headers(request.scope["headers"]),
                body=body,
            )
        )
        tenant = Tenant(account=identity.account, region=identity.region)
        caller = Caller(
            principal_arn=identity.principal_arn,
            tenant=tenant,
            request_id="",
            source_ip=request.client.host if request.client is not None else "",
        )
        call = Call(operation="GetModelImportJob", params={"jobIdentifier": job_identifier}, caller=caller)
        await self.permissions.require(call)
        return tenant


@asynccontextmanager
async def _application(settings: Settings) -> AsyncIterator[ASGIApp]:
    """Makes every service, starts the jobs, and stops it all in the opposite order."""
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        root = root_of(settings)
        keys = await open_keys(settings, clock)
        database = Database(settings.catalog_url)
        stack.callback(database.close)
        await asyncio.to_thread(database.migrate)
        jobs, models, tags = SqlJobCatalog(database), SqlModelCatalog(database), SqlTagCatalog(database)
        principals = Principals(user_catalog(database, root), clock, root=root)
        vault = open_vault(settings.vault_place, upstream_environment())
        cores = _cores()
        threads = ThreadPoolExecutor(cores, thread_name_prefix="unseal")
        stack.callback(threads.shutdown)
        reading = Reading(vault=vault, keys=keys, threads=threads, thread_count=cores, local=local_reads(vault))
        opened = partial(open_artifact, reading=reading)

        engine, capabilities = open_engine(settings, environment=engine_environment())
        memory = MemoryFiles(run_dir=settings.data / "run", plaintext_dir=settings.plaintext_dir)
        host = LocalHost(engine=engine, memory=memory, open_artifact=opened)
        fleet = Fleet(
            host,
            clock,
            FleetLimits(
                hold_s=settings.hold_s,
                idle_s=settings.idle_s,
                max_copies=settings.max_copies,
                max_waiting=settings.max_waiting,
                max_requests=settings.max_requests,
            ),
        )
        stack.push_async_callback(fleet.close)

        sources = server_sources(
            folders=[
                *([settings.buckets] if settings.buckets is not None else []),
                settings.data / data_folder.SOURCES,
            ],
            has_s3=settings.buckets is None,
            environment=upstream_environment(),
        )

        async def open_source(_job: ImportJob) -> Sources:
            return sources

        tools = ImportTools(
            jobs=jobs,
            models=models,
            artifacts=SqlArtifactCatalog(database),
            vault=vault,
            staging=vault,
            journal=SqlCopyJournal(database),
            keys=keys,
            clock=clock,
            open_source=open_source,
            prove=partial(
                prove_model, fleet=fleet, capabilities=capabilities, clock=clock, load_s=settings.engine_start_s
            ),
            retire=fleet.retire,
            host=import_host(settings),
            random_bytes=secrets.token_bytes,
            profile=settings.profile,
            outage_s=settings.outage_s,
            runs_in_memory=asyncio.Semaphore(settings.copy_memory_mib * MIB // BYTES_IN_MEMORY_PER_PART),
        )
        job_engine = DbosJobEngine(
            url=settings.jobs_url,
            workflow=ImportPipeline(tools).run,
            concurrency=settings.concurrent_imports,
            is_worker=settings.worker,
        )
        if settings.worker:
            await sweep(tools)
        await job_engine.launch()
        stack.push_async_callback(job_engine.close)
        for job in await jobs.unfinished():
            await job_engine.start(job.id)

        services = Services(
            jobs=jobs,
            models=models,
            tags=tags,
            vault=vault,
            keys=keys,
            job_engine=job_engine,
            fleet=fleet,
            keep_warm=settings.kept_warm,
            capabilities=capabilities,
            prompts=Prompts(opened),
            profile=settings.profile,
            clock=clock,
            pick=secrets.choice,
            new_reply_id=lambda: uuid.uuid4().hex,
            page_token_key=derived_key(root, "outcrop page tokens"),
            permissions=Permissions(policies_of=principals.policies_of, jobs=jobs, models=models, tags=tags),
            throttle=throttle_of(settings),
            quotas=quotas_of(settings),
        )
        await stack.enter_async_context(warmed_up(services, settings))
        metrics = Metrics()
        authentication = _Authentication(
            authenticator=_authenticator(settings, root, principals, clock), permissions=services.permissions
        )
        yield Gateway(
            handlers=handlers(services),
            authenticator=authentication.authenticator,
            clock=clock,
            other=console_app(
                ConsoleServices(jobs=jobs, vault=vault, clock=clock, metrics=metrics, admit=authentication.admit)
            ),
            own_prefixes=PREFIXES,
            observe=metrics.observe_request,
            trail=_trail(settings, stack),
        )


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@asynccontextmanager
async def _listening(app: ASGIApp, settings: Settings) -> AsyncIterator[str]:
    """Listens for HTTP/1.1 and HTTP/2 on one port; gives the URL."""
    address, port = _own_port(settings.host, settings.port)
    server = Granian(
        app,
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=False,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
        # The SDKs of the day speak 1.3, but some of the machines that they run on do not.
        ssl_protocol_min=SSLProtocols.tls12,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        await _await_listening(serving, address, port)
        yield f"{settings.scheme}://{host}:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # Granian leaves this one untyped
        # Granian waits for its connections to end, which idle ones of HTTP/2 and half-sent bodies do not.
        await asyncio.wait({serving}, timeout=DRAIN_S)


async def _await_listening(serving: asyncio.Task[None], host: str, port: int) -> None:
    """Returns once the port answers. Raises SettingError when it cannot be had."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(LISTEN_POLL_S)
        else:
            writer.close()
            return
    raise SettingError("--port", f"{host}:{port} cannot be listened on: {serving.exception()}")


def _authenticator(settings: Settings, root: Principal, principals: Principals, clock: Clock) -> Authenticator:
    if settings.auth == "none":
        log.warning("authentication_off", host=settings.host)
        return UnsignedAuthenticator(root, settings.region)
    known = SchemeAuthenticator(
        signed=SigV4Authenticator(principals.find, clock),
        bearing=BearerAuthenticator(principals.find, principals.find_api_key, clock, region=settings.region),
    )
    return FreshAuthenticator(known, principals.refresh)


def _trail(settings: Settings, stack: AsyncExitStack) -> Callable[[Record], None] | None:
    if settings.audit_path is None:
        return None
    audit = AuditFile(settings.audit_path)
    stack.callback(audit.close)
    return audit.write


def _own_port(host: str, port: int) -> tuple[str, int]:
    """Returns the address of a host and a port that nobody listens on: the one asked for, or for 0 a free one.

    Granian binds with SO_REUSEPORT: a second server on the port would not fail but take every other request.

    Raises:
        SettingError: the port is taken, or is not ours to take.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            found = probe.getsockname()
    except OSError as error:
        raise SettingError("--port", f"{host}:{port} cannot be listened on: {error.strerror}") from error
    return str(found[0]), int(found[1])
