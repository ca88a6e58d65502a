"""Everything behind `outcrop serve`: made from settings, started and stopped in order."""

from __future__ import annotations

import asyncio
import secrets
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server as Granian
from starlette.requests import Request
from starlette.types import ASGIApp

from outcrop.adapters import data_folder
from outcrop.adapters.catalog_sql import (
    SqlDeliveryCatalog,
    SqlTagCatalog,
)
from outcrop.adapters.root_key import derived_key
from outcrop.api.calls import Call
from outcrop.api.operations import handlers
from outcrop.api.permissions import Permissions
from outcrop.api.principals import Principals
from outcrop.api.remembering import RememberingModels, RememberingTags
from outcrop.api.services import Services
from outcrop.app.access import quotas_of, root_of, throttle_of, user_catalog
from outcrop.app.descriptors import allow_descriptors
from outcrop.app.machinery import machinery, readiness_of
from outcrop.app.stopping import stop_asked_for
from outcrop.app.warming import warmed_up
from outcrop.arn import Tenant
from outcrop.console.app import PREFIXES, ConsoleServices, console_app
from outcrop.console.metrics import Metrics
from outcrop.errors import SettingError
from outcrop.ports import Clock
from outcrop.records import Caller, Principal
from outcrop.settings import Settings
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

log = structlog.get_logger()

MIB = 1 << 20
LISTEN_POLL_S = 0.02
BACKLOG = 1024
MAX_CONNECTIONS = 8192
"""Clients' connections at once, idle ones and those of open streams included; the next one waits, unanswered."""
DESCRIPTORS = 4 * MAX_CONNECTIONS
"""Open files: a connection of a client, one to an engine, and room for stores and files."""
DRAIN_S = 5.0
"""How long requests that are under way may take to end when the server stops."""


async def serve(settings: Settings, *, tell: Callable[[str], None]) -> None:
    """Runs a server until SIGINT or SIGTERM; `tell` is given its URL once it listens.

    Raises:
        SettingError: a setting cannot work, or another server uses the data folder.
    """
    stop = stop_asked_for()
    allow_descriptors(DESCRIPTORS)
    with data_folder.hold(settings.data):
        async with _application(settings) as app, _listening(app, settings) as url:
            with data_folder.announce(settings.data, url, has_database=settings.database is not None):
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
    """Puts the API in front of the machinery."""
    async with AsyncExitStack() as stack:
        root = root_of(settings)
        metrics = Metrics()
        behind = await stack.enter_async_context(machinery(settings, metrics))
        tags = RememberingTags(SqlTagCatalog(behind.database), behind.clock)
        models = RememberingModels(behind.models, behind.clock)
        principals = Principals(user_catalog(behind.database, root), behind.clock, root=root)
        services = Services(
            jobs=behind.jobs,
            models=models,
            tags=tags,
            vault=behind.vault,
            keys=behind.keys,
            networks=behind.networks,
            check_role=behind.sources.check_role,
            job_engine=behind.job_engine,
            fleet=behind.fleet,
            keep_warm=settings.kept_warm,
            capabilities=behind.capabilities,
            prompts=behind.prompts,
            profile=settings.profile,
            clock=behind.clock,
            pick=secrets.choice,
            new_reply_id=lambda: uuid.uuid4().hex,
            page_token_key=derived_key(root, "outcrop page tokens"),
            permissions=Permissions(policies_of=principals.policies_of, jobs=behind.jobs, models=models, tags=tags),
            throttle=throttle_of(settings),
            quotas=quotas_of(settings),
            meter=metrics,
        )
        await stack.enter_async_context(warmed_up(services, settings))
        authentication = _Authentication(
            authenticator=_authenticator(settings, root, principals, behind.clock), permissions=services.permissions
        )
        yield Gateway(
            handlers=handlers(services),
            authenticator=authentication.authenticator,
            clock=behind.clock,
            other=console_app(
                ConsoleServices(
                    jobs=behind.jobs,
                    deliveries=SqlDeliveryCatalog(behind.database),
                    clock=behind.clock,
                    readiness=readiness_of(behind),
                    copies=behind.fleet.copies,
                    metrics=metrics,
                    admit=authentication.admit,
                )
            ),
            own_prefixes=PREFIXES,
            observe=metrics.observe_request,
            trail=behind.trail,
        )


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
        backlog=BACKLOG,
        # Granian would take as many connections as may wait in the backlog: 128, unless it is told otherwise.
        backpressure=MAX_CONNECTIONS,
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
