"""How far an import is, as JSON: what AWS's job description does not tell. Pure."""

from __future__ import annotations

from datetime import datetime

from outcrop.imports.job import ENDED, status
from outcrop.imports.progress import bytes_per_s, seconds_left
from outcrop.records import Delivery, DeliveryState, ImportJob, JsonObject


def progress_of(job: ImportJob, now: datetime, delivery: Delivery | None = None) -> JsonObject:
    """Returns the answer of `GET /outcrop/import-jobs/{name or ARN}`.

    Rate and time left are of the current stage, over its last seconds; null where nothing can be said: a stage that
    moves no bytes has neither, nor has one that has only begun, or of which nothing was heard for a while.
    """
    is_running = job.stage not in ENDED
    rate = bytes_per_s(job.progress, now) if is_running else None
    left = seconds_left(job.progress, now) if is_running else None
    return {
        "jobArn": job.arn,
        "jobName": job.request.job_name,
        "importedModelName": job.request.imported_model_name,
        "status": status(job.stage),
        "stage": job.stage,
        "attempts": job.attempts,
        "worker": job.worker,
        "bytesDone": job.progress.bytes_done,
        "bytesTotal": job.progress.bytes_total,
        "bytesPerSecond": None if rate is None else round(rate),
        "etaSeconds": None if left is None else round(left, 1),
        "stages": _stages(job, now),
        "creationTime": job.created_at.isoformat(),
        "endTime": None if job.ended_at is None else job.ended_at.isoformat(),
        "failureMessage": job.failure_message,
        "webhook": None if delivery is None else _webhook(delivery),
        "report": job.report,
    }


def _webhook(delivery: Delivery) -> JsonObject:
    is_waiting = delivery.state is DeliveryState.WAITING
    return {
        "state": delivery.state,
        "attempts": delivery.attempts,
        "nextAttempt": delivery.due_at.isoformat() if is_waiting else None,
        "problem": delivery.problem,
    }


def _stages(job: ImportJob, now: datetime) -> list[JsonObject]:
    """Each stage that the job came to, with the seconds that it took, or has taken so far."""
    entries = job.progress.entries
    ends = [*(entry.at for entry in entries[1:]), entries[-1].at if job.stage in ENDED else now]
    return [
        {
            "stage": entry.stage,
            "startTime": entry.at.isoformat(),
            "seconds": round(max(0.0, (end - entry.at).total_seconds()), 3),
        }
        for entry, end in zip(entries, ends, strict=True)
    ]
