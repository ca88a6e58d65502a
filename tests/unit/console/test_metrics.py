"""The list of metrics, and what is served of it."""

import re
import urllib.request
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.samples import sample_job

from outcrop.app.worker import metrics_served
from outcrop.console.metrics import Metrics, Sample
from outcrop.errors import (
    ImportFailedError,
    KeyDeniedError,
    OutcropError,
    SettingError,
    SourceDeniedError,
    StorageError,
    UnavailableError,
)
from outcrop.imports.failure import FailureCause, failure_cause
from outcrop.imports.measuring import count_end
from outcrop.records import Stage
from outcrop.records.measures import JOBS, MEASURES, TAKEOVERS, TOKENS, WEBHOOKS_WAITING, Measure, MeasureKind
from outcrop.testing.clock import BEGIN


def served(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """What Prometheus reads: by name of the sample, by values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_names_are_prometheus_conventions(measure: Measure) -> None:
    """Ours by the prefix; only what grows ends in _total; what is timed in _seconds; each with its meaning."""
    assert re.fullmatch(r"outcrop_[a-z]+(_[a-z]+)*", measure.name)
    assert measure.name.endswith("_total") == (measure.kind is MeasureKind.COUNTER)
    assert (measure.kind is MeasureKind.HISTOGRAM) == bool(measure.buckets)
    assert measure.kind is not MeasureKind.HISTOGRAM or measure.name.endswith("_seconds")
    assert measure.meaning.endswith(".")


def test_every_measure_is_served() -> None:
    """And nothing that is not in the list."""
    families = {family.name for family in text_string_to_metric_families(Metrics().text().decode())}

    # When a series began is a series of the library's own.
    assert {name for name in families if not name.endswith("_created")} == {
        measure.name.removesuffix("_total") for measure in MEASURES
    }


def test_counts_and_gauges_are_read_back() -> None:
    """A gauge is what it is at the moment: one that is not known is not served as it was."""
    metrics = Metrics()
    metrics.add(TOKENS, 12, direction="input")
    metrics.add(TOKENS, 3, direction="input")
    metrics.add(TAKEOVERS)
    jobs = Sample(measure=JOBS, value=4, labels={"stage": "Queued"})
    known = served(metrics.text([jobs, Sample(measure=WEBHOOKS_WAITING, value=2)]))
    unknown = served(metrics.text())

    assert known["outcrop_tokens_total"] == {("input",): 15}
    assert known["outcrop_import_takeovers_total"] == {(): 1}
    assert known["outcrop_import_jobs"] == {("Queued",): 4}
    assert known["outcrop_webhooks_waiting"] == {(): 2}
    assert "outcrop_import_jobs" not in unknown
    assert unknown["outcrop_webhooks_waiting"][()] != 2
    assert unknown["outcrop_tokens_total"] == {("input",): 15}


def test_an_end_is_counted_with_its_stages() -> None:
    """Each stage that the job came to, with its seconds; a failure by its cause."""
    metrics = Metrics()
    progress = sample_job().progress.entered(Stage.PLAN, BEGIN + timedelta(seconds=2))
    for cause in (None, FailureCause.OUTAGE):
        count_end(metrics, replace(sample_job(), progress=progress), BEGIN + timedelta(seconds=5), cause)

    found = served(metrics.text())
    assert found["outcrop_import_jobs_ended_total"] == {("Completed",): 1, ("Failed",): 1}
    assert found["outcrop_import_failures_total"] == {("outage",): 1}
    assert found["outcrop_import_stage_seconds_sum"] == {("Queued",): 4, ("Plan",): 6}


def subclasses(kind: type) -> list[type]:
    """All kinds of an error, however deep."""
    return [each for child in kind.__subclasses__() for each in (child, *subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(ImportFailedError), ids=lambda kind: kind.__name__)
def test_every_failure_of_an_import_has_a_cause(kind: type[Exception]) -> None:
    """None is counted as ours that is not."""
    assert failure_cause(kind.__new__(kind)) is not FailureCause.INTERNAL


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnavailableError("S3", "denied, not found, integrity"), FailureCause.OUTAGE),
        (SourceDeniedError("away"), FailureCause.SOURCE_DENIED),
        (KeyDeniedError("x"), FailureCause.KEY),
        (StorageError("engine"), FailureCause.STORAGE),
        (OutcropError("x"), FailureCause.INTERNAL),
        (ZeroDivisionError(), FailureCause.INTERNAL),
    ],
)
def test_the_class_decides_and_never_the_words(error: Exception, cause: FailureCause) -> None:
    """Whatever an error says."""
    assert failure_cause(error) is cause


def test_a_worker_serves_its_metrics_on_loopback() -> None:
    """On the port that was asked for; without one, nowhere; a taken port is told by its setting."""
    metrics = Metrics()
    metrics.add(TAKEOVERS)
    with metrics_served(metrics, 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read()
        with pytest.raises(SettingError, match="--metrics-port"), metrics_served(metrics, port):
            pass

    assert served(text)["outcrop_import_takeovers_total"] == {(): 1}
    with metrics_served(metrics, None) as none:
        assert none is None
