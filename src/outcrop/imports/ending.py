"""What is told of a job's end: an event of EventBridge's form, and its signature by Standard Webhooks. Pure.

Bedrock sends no event for import jobs (SPEC 7.5). For its other jobs it does, in one form: `source` is `aws.bedrock`,
the detail has the members of the operation that gets such a job, so this one has those of GetModelImportJob
(docs/decisions/0038-webhooks.md). The signature is that of https://www.standardwebhooks.com, version 1.0.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from outcrop.imports.job import status
from outcrop.records import ImportJob, JsonObject, Stage

DETAIL_TYPE = "Bedrock Model Import Job State Change"
SOURCE = "aws.bedrock"
DETAIL_VERSION = "0.0"
"""The version that the details of Bedrock's other events carry."""
_IDS = uuid.UUID("6f757463-726f-5070-8000-000000000000")


def event_of(job: ImportJob) -> JsonObject:
    """Returns the event of a job that has ended; the same each time."""
    ended_at = job.ended_at or job.modified_at
    is_completed = job.stage is Stage.COMPLETED
    detail: dict[str, str | dict[str, dict[str, str]] | None] = {
        "version": DETAIL_VERSION,
        "jobArn": job.arn,
        "jobName": job.request.job_name,
        "importedModelName": job.request.imported_model_name,
        "importedModelArn": job.model_arn if is_completed else None,
        "roleArn": job.request.role_arn,
        "modelDataSource": {"s3DataSource": {"s3Uri": job.request.source_uri}},
        "status": status(job.stage),
        "failureMessage": job.failure_message,
        "creationTime": _moment(job.created_at),
        "lastModifiedTime": _moment(job.modified_at),
        "endTime": _moment(ended_at),
        "importedModelKmsKeyArn": job.key_arn if job.request.kms_key_id is not None else None,
    }
    return {
        "version": "0",
        "id": str(uuid.uuid5(_IDS, job.arn)),
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": job.tenant.account,
        "time": _moment(ended_at),
        "region": job.tenant.region,
        "resources": [job.arn, job.model_arn] if is_completed else [job.arn],
        "detail": {name: value for name, value in detail.items() if value is not None},
    }


def message(event: JsonObject) -> bytes:
    """Returns an event as the bytes that are sent and signed."""
    return json.dumps(event, separators=(",", ":")).encode()


def signed_headers(body: bytes, *, message_id: str, at: datetime, secrets: Sequence[bytes]) -> Mapping[str, str]:
    """Returns the headers of an attempt: `message_id` is the same for each, the signatures are one for each secret."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
