"""Every hostile model is refused by the expected findings, in bounded time and memory, and in words that print."""

from __future__ import annotations

import json
import resource
import time

import pytest
from tests.hostile import configs, files, headers, templates
from tests.hostile.case import CASES, Case
from tests.unit.artifact.models import ids

from outcrop.artifact.selection import select

CORPUS = (headers, files, configs, templates)
"""Importing these gathers the cases."""

LONGEST_S = 5.0
"""Processor time of one verdict. It is within a second; the rest is for slow and busy machines."""

MOST_MEMORY_MB = 200
"""What the worst of all of them may add to the process."""


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each case of the corpus."""
    found: Case = request.param
    return found


def test_it_is_refused_in_bounded_time(case: Case) -> None:
    """By each of its findings, with nothing raised, and with a report that is small and printable."""
    snapshot_source = case.model()
    before_s, before_mb = time.process_time(), _peak_mb()

    report = snapshot_source.examined()

    spent_s, added_mb = time.process_time() - before_s, _peak_mb() - before_mb
    assert case.findings <= ids(report)
    assert not report.is_importable("bedrock")
    assert spent_s < LONGEST_S
    assert added_mb < MOST_MEMORY_MB
    text = json.dumps(report.to_json(), allow_nan=False)
    assert len(text) < 100_000
    for found in report.findings:
        assert f"{found.file}{found.message}{found.cure}".isprintable()
        text.encode()


def test_what_it_plays_tricks_with_is_never_taken(case: Case) -> None:
    """Selection holds by itself, whatever the verdict was."""
    selection = select(case.model().snapshot())

    assert not any(".." in path or "\\" in path or path.startswith("/") or "\0" in path for path in selection.taken)
    assert not any(path.endswith((".py", ".bin", ".pkl")) for path in selection.taken)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
