"""The Starlette application for all paths that are not AWS's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from outcrop.api.identifiers import identifier_of
from outcrop.arn import ResourceKind, Tenant
from outcrop.console.events import EVENT_STREAM, job_events, knows_the_end
from outcrop.console.metrics import CONTENT_TYPE, Metrics
from outcrop.console.progress import progress_of
from outcrop.console.sight import Sight
from outcrop.errors import RequestError, UnavailableError
from outcrop.imports.job import ENDED
from outcrop.ports import Clock, DeliveryCatalog, JobCatalog, Vault
from outcrop.records import Delivery, ImportJob

PREFIXES = ("/health", "/metrics", "/outcrop")
"""The paths that belong to this application; everything else is AWS's."""

_JOBS_PATH = b"/outcrop/import-jobs/"
_EVENTS = "/events"
_UNBUFFERED = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Of a stream: proxies shall keep nothing back (the latter is nginx's name for it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServices:
    """What the pages beside AWS's API work with."""

    jobs: JobCatalog
    deliveries: DeliveryCatalog
    vault: Vault
    clock: Clock
    metrics: Metrics
    admit: Callable[[Request, bytes, str], Awaitable[Tenant]]
    """From a request and the job that it names to whose request it is: signed like a call of the API.

    Raises AuthenticationError, and AccessDeniedError where the sender may not see the job.
    """


def console_app(services: ConsoleServices) -> Starlette:
    """Returns the application."""
    sight = Sight(services.jobs, services.clock)

    async def live(_request: Request) -> Response:
        return PlainTextResponse("live\n")

    async def ready(_request: Request) -> Response:
        try:
            await services.jobs.unfinished()
            await services.vault.artifact_ids()
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer is that we are not ready
            return PlainTextResponse(f"not ready: {type(error).__name__}\n", status_code=503)
        return PlainTextResponse("ready\n")

    async def metrics(_request: Request) -> Response:
        return Response(services.metrics.text(await services.jobs.unfinished()), media_type=CONTENT_TYPE)

    async def import_job(request: Request) -> Response:
        # The raw path, since an ARN's slash may come encoded or not.
        named = unquote(request.scope["raw_path"].removeprefix(_JOBS_PATH).decode("ascii", "replace"))
        identifier = named.removesuffix(_EVENTS)
        try:
            tenant = await services.admit(request, await request.body(), identifier)
            job = await services.jobs.get(tenant, identifier_of(identifier, ResourceKind.JOB, tenant))
        except RequestError as error:
            return _refusal(error)
        except UnavailableError as error:
            return JSONResponse({"message": str(error)}, status_code=503)
        if named != identifier:
            last_event_id = request.headers.get("last-event-id")
            if knows_the_end(job, last_event_id):
                # What tells an EventSource, which comes back by itself, that it need not.
                return Response(status_code=204)
            events = job_events(sight, services.clock, job, last_event_id=last_event_id)
            return StreamingResponse(events, media_type=EVENT_STREAM, headers=_UNBUFFERED)
        return JSONResponse(progress_of(job, services.clock.now(), await _delivery(services, job)))

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
            Route("/outcrop/import-jobs/{identifier:path}", import_job),
        ]
    )


async def _delivery(services: ConsoleServices, job: ImportJob) -> Delivery | None:
    """Returns how far the telling of a job's end is; before the end there is nothing to tell."""
    if job.stage not in ENDED:
        return None
    try:
        return await services.deliveries.find(job.id)
    except UnavailableError:
        # The job is known; this alone is no reason to hold it back.
        return None


_STATUS = {"ResourceNotFoundException": 404, "ValidationException": 400}


def _refusal(error: RequestError) -> Response:
    return JSONResponse({"message": error.message, "code": error.code}, status_code=_STATUS.get(error.code, 403))
