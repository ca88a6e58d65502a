"""The metrics, all of them, as Prometheus reads them at `GET /metrics`.

| metric | labels | meaning |
| --- | --- | --- |
| outcrop_requests_total | operation, status | calls of AWS's operations, by HTTP status |
| outcrop_request_seconds | operation | how long they took |
| outcrop_import_jobs | stage | jobs that have not ended, by stage |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram

from outcrop.imports.job import RUNNING
from outcrop.records import ImportJob

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
SECONDS = (0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "outcrop_requests", "Calls of AWS's operations.", ["operation", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "outcrop_request_seconds",
            "How long calls took, in seconds.",
            ["operation"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._observed: dict[tuple[str, int], tuple[prometheus_client.Counter, Histogram]] = {}
        self._jobs = Gauge("outcrop_import_jobs", "Jobs that have not ended.", ["stage"], registry=self._registry)

    def observe_request(self, operation: str, status: int, seconds: float) -> None:
        """Counts a call; the operation is empty where the path named none."""
        # Found once for each pair: prometheus_client looks for them under a lock.
        found = self._observed.get((operation, status))
        if found is None:
            found = self._requests.labels(operation, str(status)), self._seconds.labels(operation)
            self._observed[operation, status] = found
        requests, seconds_taken = found
        requests.inc()
        seconds_taken.observe(seconds)

    def text(self, unfinished: Sequence[ImportJob]) -> bytes:
        """Returns every metric, with the jobs as they stand."""
        counts = Counter(job.stage for job in unfinished)
        for stage in sorted(RUNNING):
            self._jobs.labels(stage.value).set(counts[stage])
        return prometheus_client.generate_latest(self._registry)
