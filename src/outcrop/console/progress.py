"""How far an import is, as JSON: what AWS's job description does not tell. Pure."""

from __future__ import annotations

from datetime import datetime

from outcrop.imports.job import ENDED, status
from outcrop.records import ImportJob, JsonObject


def progress_of(job: ImportJob, now: datetime) -> JsonObject:
    """Returns the answer of `GET /outcrop/import-jobs/{name or ARN}`.

    Rate and ETA are of the current stage, null where nothing can be said: a stage that moves no bytes has none, and
    neither has one that has only begun.
    """
    is_running = job.stage not in ENDED
    in_stage_s = ((now if is_running else job.modified_at) - job.progress.stage_started_at).total_seconds()
    done, total = job.progress.bytes_done, job.progress.bytes_total
    rate = done / in_stage_s if is_running and done > 0 and in_stage_s > 0 else None
    return {
        "jobArn": job.arn,
        "jobName": job.request.job_name,
        "importedModelName": job.request.imported_model_name,
        "status": status(job.stage),
        "stage": job.stage,
        "bytesDone": done,
        "bytesTotal": total,
        "bytesPerSecond": None if rate is None else round(rate),
        "etaSeconds": None if rate is None else round((total - done) / rate, 1),
        "stages": _stages(job, now),
        "creationTime": job.created_at.isoformat(),
        "endTime": None if job.ended_at is None else job.ended_at.isoformat(),
        "failureMessage": job.failure_message,
        "report": job.report,
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
