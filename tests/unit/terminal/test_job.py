"""What `outcrop jobs show` shows."""

import io
from dataclasses import replace
from datetime import timedelta

from rich.console import Console
from tests.samples import sample_job

from outcrop.artifact.examine import examine
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.console.progress import progress_of
from outcrop.records import Delivery, DeliveryState, ImportJob, Stage
from outcrop.terminal.job import print_job
from outcrop.testing.clock import BEGIN


def shown(job: ImportJob, delivery: Delivery | None = None) -> str:
    """What is printed."""
    output = io.StringIO()
    console = Console(file=output, width=200, markup=False, highlight=False)
    print_job(progress_of(job, BEGIN + timedelta(seconds=3), delivery), console)
    return output.getvalue()


def test_a_running_job_shows_how_far_it_is() -> None:
    """Its stages with their seconds, bytes, rate and what is left."""
    progress = sample_job().progress.entered(Stage.COPY, BEGIN).counted(0, BEGIN).counted(300, None)
    text = shown(replace(sample_job(), stage=Stage.COPY, progress=replace(progress, bytes_total=1000)))

    for part in ("job-1  InProgress", "300 bytes of 1.0 kB in Copy", "100 bytes/s", "7 s of this stage", "Queued"):
        assert part in text


def test_an_ended_job_shows_why_and_who_was_told() -> None:
    """The verdicts, what was not copied, the failure, and the webhook's trouble; brackets are no markup."""
    report = {**examine(ModelSnapshot(sizes={})).to_json(), "ignored": {"a[b].py": "program code is never copied"}}
    job = replace(sample_job(), stage=Stage.FAILED, ended_at=BEGIN, failure_message="[x]: is not there", report=report)
    delivery = Delivery(
        job_id=job.id,
        state=DeliveryState.GIVEN_UP,
        created_at=BEGIN,
        due_at=BEGIN,
        attempts=9,
        settled_at=BEGIN,
        problem="status 500",
    )

    text = shown(job, delivery)

    for part in (
        "Failed",
        "not importable",
        "a[b].py: program code",
        "[x]: is not there",
        "GivenUp after 9",
        "status 500",
    ):
        assert part in text
