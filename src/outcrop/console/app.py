"""The Starlette application for all paths that are not AWS's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from outcrop.api.identifiers import identifier_of
from outcrop.arn import ResourceKind, Tenant
from outcrop.console.events import EVENT_STREAM, job_events, knows_the_end
from outcrop.console.health import Readiness
from outcrop.console.metrics import CONTENT_TYPE, Metrics, Sample
from outcrop.console.progress import progress_of
from outcrop.console.sight import Sight
from outcrop.errors import RequestError, UnavailableError
from outcrop.imports.job import ENDED, RUNNING
from outcrop.ports import Clock, DeliveryCatalog, JobCatalog
from outcrop.records import Delivery, ImportJob
from outcrop.records.measures import COPIES, EVENT_STREAMS, JOBS, PART_UP, WEBHOOKS_WAITING

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
    clock: Clock
    readiness: Readiness
    copies: Callable[[], Mapping[str, int]]
    """Counts the copies of models by state."""
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
        away = {part: why for part, why in (await services.readiness.parts()).items() if why is not None}
        if away:
            return JSONResponse({"ready": False, "away": away}, status_code=503)
        return JSONResponse({"ready": True})

    async def metrics(_request: Request) -> Response:
        samples = [*await _samples(services), Sample(measure=EVENT_STREAMS, value=sight.watchers)]
        return Response(services.metrics.text(samples), media_type=CONTENT_TYPE)

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


async def _samples(services: ConsoleServices) -> list[Sample]:
    """Returns the gauges as they stand; while the catalog is away, those without it."""
    parts = await services.readiness.parts()
    samples = [Sample(measure=PART_UP, value=float(why is None), labels={"part": part}) for part, why in parts.items()]
    samples += [
        Sample(measure=COPIES, value=count, labels={"state": state}) for state, count in services.copies().items()
    ]
    try:
        counts = Counter(job.stage for job in await services.jobs.unfinished())
        waiting = await services.deliveries.waiting()
    except UnavailableError:
        return samples
    samples += [Sample(measure=JOBS, value=counts[stage], labels={"stage": stage}) for stage in sorted(RUNNING)]
    return [*samples, Sample(measure=WEBHOOKS_WAITING, value=waiting)]


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
