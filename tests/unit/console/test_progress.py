"""What the progress of an import tells."""

from dataclasses import replace
from datetime import timedelta

from tests.samples import sample_job

from outcrop.console.progress import progress_of
from outcrop.records import ImportJob, Progress, Stage, StageEntry
from outcrop.testing.clock import BEGIN


def test_rate_and_time_left_are_of_the_stage() -> None:
    """What was done of this stage lately, and what is left at that rate."""
    begun = Progress(bytes_total=1000, entries=(StageEntry(stage=Stage.COPY, at=BEGIN),))
    job = replace(sample_job(), stage=Stage.COPY, progress=begun.counted(0, BEGIN).counted(300, None))

    told = progress_of(job, BEGIN + timedelta(seconds=3))

    assert (told["status"], told["stage"]) == ("InProgress", "Copy")
    assert (told["bytesDone"], told["bytesTotal"], told["bytesPerSecond"], told["etaSeconds"]) == (300, 1000, 100, 7.0)


def test_nothing_is_guessed() -> None:
    """A stage that has only begun, or moves no bytes, has neither rate nor time left."""
    told = progress_of(sample_job(), BEGIN)

    assert told["bytesPerSecond"] is None
    assert told["etaSeconds"] is None


def test_an_ended_job_tells_why() -> None:
    """The failure and the report are there; nothing counts on."""
    job = replace(
        sample_job(),
        stage=Stage.FAILED,
        modified_at=BEGIN + timedelta(seconds=1),
        ended_at=BEGIN + timedelta(seconds=1),
        failure_message="config.json: is not there",
        report={"schema": "x"},
    )

    told = progress_of(job, BEGIN + timedelta(days=1))

    assert told["status"] == "Failed"
    assert told["failureMessage"] == "config.json: is not there"
    assert told["report"] == {"schema": "x"}


def test_each_stage_has_its_seconds() -> None:
    """Those that are over, and the running one so far; an end takes no time."""
    progress = sample_job().progress
    for number, stage in enumerate((Stage.PLAN, Stage.CHECK, Stage.FAILED), start=1):
        progress = progress.entered(stage, BEGIN + timedelta(seconds=number * number))
    failed = replace(sample_job(), stage=Stage.FAILED, progress=progress)
    running = replace(sample_job(), stage=Stage.CHECK, progress=replace(progress, entries=progress.entries[:3]))

    def seconds(job: ImportJob) -> list[tuple[str, float]]:
        return [(each["stage"], each["seconds"]) for each in progress_of(job, BEGIN + timedelta(seconds=60))["stages"]]

    assert seconds(failed) == [("Queued", 1.0), ("Plan", 3.0), ("Check", 5.0), ("Failed", 0.0)]
    assert seconds(running) == [("Queued", 1.0), ("Plan", 3.0), ("Check", 56.0)]
