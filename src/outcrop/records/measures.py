"""Everything that is measured: the one list of metrics, by which they are kept, served and documented.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows. No label holds a
name of a model, a job or an account; each has few values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MeasureKind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric."""

    name: str
    kind: MeasureKind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_QUICK_S = (0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
_SLOW_S = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)

REQUESTS = Measure(
    name="outcrop_requests_total",
    kind=MeasureKind.COUNTER,
    labels=("operation", "status"),
    meaning="Calls of AWS's operations, by HTTP status; the operation is empty where the path named none.",
)
REQUEST_SECONDS = Measure(
    name="outcrop_request_seconds",
    kind=MeasureKind.HISTOGRAM,
    labels=("operation",),
    buckets=_QUICK_S,
    meaning="How long calls took, in seconds.",
)
TOKENS = Measure(
    name="outcrop_tokens_total",
    kind=MeasureKind.COUNTER,
    labels=("direction",),
    meaning="Tokens of prompts (`input`) and replies (`output`), as the engine counts them.",
)
JOBS = Measure(
    name="outcrop_import_jobs",
    kind=MeasureKind.GAUGE,
    labels=("stage",),
    meaning="Import jobs that have not ended, by stage; `Queued` is the length of the queue.",
)
JOBS_ENDED = Measure(
    name="outcrop_import_jobs_ended_total",
    kind=MeasureKind.COUNTER,
    labels=("status",),
    meaning="Import jobs that this process brought to their end, Completed or Failed.",
)
FAILURES = Measure(
    name="outcrop_import_failures_total",
    kind=MeasureKind.COUNTER,
    labels=("cause",),
    meaning="Failed import jobs by cause, listed below.",
)
STAGE_SECONDS = Measure(
    name="outcrop_import_stage_seconds",
    kind=MeasureKind.HISTOGRAM,
    labels=("stage",),
    buckets=_SLOW_S,
    meaning="How long each stage of a job took, in seconds, told when the job has ended.",
)
IMPORT_BYTES = Measure(
    name="outcrop_import_bytes_total",
    kind=MeasureKind.COUNTER,
    labels=("stage",),
    meaning="Bytes of models that were copied (`Copy`) and read back (`Verify`), what was done twice included.",
)
TAKEOVERS = Measure(
    name="outcrop_import_takeovers_total",
    kind=MeasureKind.COUNTER,
    meaning="Import jobs that this process went on with after the one that had them died or froze.",
)
ENGINE_LOADS = Measure(
    name="outcrop_engine_loads_total",
    kind=MeasureKind.COUNTER,
    labels=("outcome",),
    meaning="Models that were loaded into an engine: `ready`, `failed` or `cancelled`.",
)
ENGINE_LOAD_SECONDS = Measure(
    name="outcrop_engine_load_seconds",
    kind=MeasureKind.HISTOGRAM,
    buckets=_SLOW_S,
    meaning="How long loading took, in seconds, where it succeeded.",
)
COPIES = Measure(
    name="outcrop_copies",
    kind=MeasureKind.GAUGE,
    labels=("state",),
    meaning="Copies of models in engines: `loading`, `ready` or `draining`.",
)
WEBHOOK_ATTEMPTS = Measure(
    name="outcrop_webhook_deliveries_total",
    kind=MeasureKind.COUNTER,
    labels=("outcome",),
    meaning="Attempts to tell a job's end: `delivered`, `failed` (comes again) or `given_up`.",
)
WEBHOOKS_WAITING = Measure(
    name="outcrop_webhooks_waiting",
    kind=MeasureKind.GAUGE,
    meaning="Ends of jobs that are to be told and are not yet.",
)
EVENT_STREAMS = Measure(
    name="outcrop_event_streams",
    kind=MeasureKind.GAUGE,
    meaning="Clients that watch an import by server-sent events.",
)
PART_UP = Measure(
    name="outcrop_part_up",
    kind=MeasureKind.GAUGE,
    labels=("part",),
    meaning="1 where `catalog`, `jobs` or `vault` answers, 0 where it is away: what `/health/ready` says.",
)

MEASURES = (
    REQUESTS,
    REQUEST_SECONDS,
    TOKENS,
    JOBS,
    JOBS_ENDED,
    FAILURES,
    STAGE_SECONDS,
    IMPORT_BYTES,
    TAKEOVERS,
    ENGINE_LOADS,
    ENGINE_LOAD_SECONDS,
    COPIES,
    WEBHOOK_ATTEMPTS,
    WEBHOOKS_WAITING,
    EVENT_STREAMS,
    PART_UP,
)
