"""A use of a key as CloudTrail records one: which key, for which model, and on whose behalf. Pure; no key material.

The members are those of the AWS KMS entries in CloudTrail that a service makes
(https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html): `invokedBy` says that the call
was not the principal's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from outcrop import arn
from outcrop.arn import Arn, ResourceKind
from outcrop.artifact.keywrap import MODEL_ARN
from outcrop.errors import KeyDeniedError, OutcropError, UnavailableError

EVENT_VERSION = "1.11"
EVENT_SOURCE = "kms.amazonaws.com"
SERVICE = "bedrock.amazonaws.com"


def key_record(
    operation: str,
    key_id: str,
    context: Mapping[str, str],
    *,
    at: datetime,
    event_id: str,
    behalf: Mapping[str, Any],
    error: OutcropError | None,
) -> Mapping[str, Any]:
    """Returns the record of a use, ready for JSON.

    Args:
        operation: KMS's name for it: GenerateDataKey, Decrypt, DescribeKey.
        key_id: the key's ARN; what was asked for, where that led to no key.
        context: the encryption context.
        at: when it ended, UTC.
        event_id: a UUID of the record's own.
        behalf: `principal`, `request_id`, `job_id` and `command`, as far as there are any.
        error: what came of it instead.
    """
    model_arn = context.get(MODEL_ARN)
    region, account = _place_of(key_id)
    record: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": _identity(behalf),
        "eventTime": _text(at),
        "eventSource": EVENT_SOURCE,
        "eventName": operation,
        "awsRegion": region,
        "sourceIPAddress": SERVICE,
        "userAgent": SERVICE,
        "requestParameters": {"keyId": key_id, **({"encryptionContext": dict(context)} if context else {})},
        "responseElements": None,
        "additionalEventData": _present(
            modelArn=model_arn, jobArn=_job_arn(model_arn, behalf.get("job_id")), command=behalf.get("command")
        ),
        "requestID": behalf.get("request_id", event_id),
        "eventID": event_id,
        "readOnly": True,
        "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key_id}] if account else [],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return record if error is None else record | {"errorCode": _code(error), "errorMessage": str(error)}


def _identity(behalf: Mapping[str, Any]) -> Mapping[str, Any]:
    principal = behalf.get("principal")
    if not principal:
        return {"type": "AWSService", "invokedBy": SERVICE}
    name = str(principal).partition(":user/")[2]
    kind = {"type": "IAMUser", "userName": name} if name else {"type": "Root"}
    return {**kind, "arn": principal, "accountId": str(principal).split(":")[4], "invokedBy": SERVICE}


def _code(error: OutcropError) -> str:
    if isinstance(error, UnavailableError):
        return "KMSInternalException"
    return "AccessDenied" if isinstance(error, KeyDeniedError) else "KMSInvalidStateException"


def _job_arn(model_arn: str | None, job_id: str | None) -> str | None:
    model = None if model_arn is None else arn.parse(model_arn)
    if model is None or job_id is None:
        return None
    return str(Arn(tenant=model.tenant, kind=ResourceKind.JOB, id=job_id))


def _place_of(key_id: str) -> tuple[str, str]:
    parts = key_id.split(":")
    return (parts[3], parts[4]) if key_id.startswith("arn:") and len(parts) > 5 else ("", "")  # noqa: PLR2004  # an ARN's parts


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _present(**members: Any) -> Mapping[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
