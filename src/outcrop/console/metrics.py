"""The metrics of one process, as Prometheus reads them: those of `records/measures.py`, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from outcrop.records.measures import MEASURES, REQUEST_SECONDS, REQUESTS, Measure, MeasureKind

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A gauge at one moment."""

    measure: Measure
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Metrics:
    """A Meter that is read by Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[Measure, Counter] = {}
        self._gauges: dict[Measure, Gauge] = {}
        self._histograms: dict[Measure, Histogram] = {}
        for measure in MEASURES:
            name, meaning, labels = measure.name, measure.meaning, measure.labels
            if measure.kind is MeasureKind.COUNTER:
                self._counters[measure] = Counter(name, meaning, labels, registry=self.registry)
            elif measure.kind is MeasureKind.GAUGE:
                self._gauges[measure] = Gauge(name, meaning, labels, registry=self.registry)
            else:
                self._histograms[measure] = Histogram(
                    name, meaning, labels, buckets=measure.buckets, registry=self.registry
                )
        self._observed: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def add(self, measure: Measure, amount: float = 1, **labels: str) -> None:
        """Counts."""
        counter = self._counters[measure]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def observe(self, measure: Measure, value: float, **labels: str) -> None:
        """Notes one value of a distribution."""
        histogram = self._histograms[measure]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def observe_request(self, operation: str, status: int, seconds: float) -> None:
        """Counts a call; the operation is empty where the path named none."""
        # Found once for each pair: prometheus_client looks for them under a lock.
        found = self._observed.get((operation, status))
        if found is None:
            requests = self._counters[REQUESTS].labels(operation, str(status))
            found = requests, self._histograms[REQUEST_SECONDS].labels(operation)
            self._observed[operation, status] = found
        requests, seconds_taken = found
        requests.inc()
        seconds_taken.observe(seconds)

    def text(self, samples: Iterable[Sample] = ()) -> bytes:
        """Returns every metric; of the gauges, these samples. One without a sample is not known at present."""
        for measure, gauge in self._gauges.items():
            if measure.labels:
                gauge.clear()
            else:
                gauge.set(float("nan"))
        for sample in samples:
            gauge = self._gauges[sample.measure]
            (gauge.labels(**sample.labels) if sample.labels else gauge).set(sample.value)
        return prometheus_client.generate_latest(self.registry)
