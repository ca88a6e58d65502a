"""What a terminal shows of an import."""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from tests.samples import sample_job

from outcrop.console.progress import progress_of
from outcrop.records import Progress, Stage
from outcrop.terminal.follow import follow
from outcrop.testing.clock import BEGIN


def states(end: Stage, failure: str | None = None) -> Iterator[Mapping[str, Any]]:
    """A job's progress, as the server tells it, a second apart."""
    from dataclasses import replace

    job = sample_job()
    progress = job.progress
    moves = [
        (Stage.PLAN, 0),
        (Stage.COPY, 250_000_000),
        (Stage.COPY, 1_000_000_000),
        (Stage.VERIFY, 500_000_000),
        (end, 0),
    ]
    for number, (stage, done) in enumerate(moves, start=1):
        now = BEGIN + timedelta(seconds=number)
        progress = progress.entered(stage, now)
        progress = Progress(bytes_done=done, bytes_total=1_000_000_000, entries=progress.entries)
        moved = replace(job, stage=stage, modified_at=now, progress=progress, failure_message=failure)
        yield progress_of(moved, now + timedelta(seconds=0.5))


@pytest.fixture
def shown() -> Callable[..., str]:
    """Follows a job to its end; returns everything that was written."""

    def run(end: Stage, failure: str | None = None, *, is_terminal: bool) -> str:
        output = io.StringIO()
        console = Console(file=output, force_terminal=is_terminal, width=110, color_system=None)
        follow(states(end, failure), console)
        return output.getvalue()

    return run


def test_a_terminal_shows_bytes_rate_and_time_left(shown: Callable[..., str]) -> None:
    """While a stage moves bytes; once it is over, what it moved and how fast."""
    text = shown(Stage.COMPLETED, is_terminal=True)

    last = [line for line in text.splitlines() if line.startswith("Copy")][-1]
    assert "1.0 GB" in last
    assert "500.0 MB/s" in last
    assert "2.0 s" in last
    assert "model-1 is ready to be invoked" in text


def test_elsewhere_each_stage_is_a_line(shown: Callable[..., str]) -> None:
    """A log gets no bars, and every stage once, with its seconds."""
    lines = shown(Stage.COMPLETED, is_terminal=False).splitlines()

    assert [line.split() for line in lines[:4]] == [
        ["Queued", "1.000", "s"],
        ["Plan", "1.000", "s"],
        ["Copy", "2.000", "s"],
        ["Verify", "1.000", "s"],
    ]


def test_a_failure_says_why(shown: Callable[..., str]) -> None:
    """The message is the job's."""
    assert "config.json: is not there" in shown(Stage.FAILED, "config.json: is not there", is_terminal=False)
