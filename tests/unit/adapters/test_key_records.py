"""What the audit log tells of the use of a key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from outcrop.adapters.key_records import key_record
from outcrop.adapters.keys_logged import LoggedKeys
from outcrop.arn import Tenant
from outcrop.errors import KeyDeniedError, KeyUnavailableError, OutcropError, UnavailableError
from outcrop.testing.clock import FakeClock
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService

MODEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"
CONTEXT = {"outcrop:model-arn": MODEL}
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(behalf: dict[str, Any], error: OutcropError | None = None, *, key_id: str = SERVICE_KEY) -> dict[str, Any]:
    """The record of a Decrypt."""
    made = key_record("Decrypt", key_id, CONTEXT, at=AT, event_id="e", behalf=behalf, error=error)
    found: dict[str, Any] = json.loads(json.dumps(made))
    return found


def test_a_load_is_told_with_who_asked() -> None:
    """Key, encryption context, model, principal and request, in CloudTrail's members."""
    told = record({"principal": "arn:aws:iam::000000000000:user/ana", "request_id": "r-1"})

    assert told["eventSource"] == "kms.amazonaws.com"
    assert (told["eventName"], told["eventTime"], told["requestID"]) == ("Decrypt", "2026-01-02T03:04:05.000Z", "r-1")
    assert told["userIdentity"] == {
        "type": "IAMUser",
        "userName": "ana",
        "arn": "arn:aws:iam::000000000000:user/ana",
        "accountId": "000000000000",
        "invokedBy": "bedrock.amazonaws.com",
    }
    assert told["requestParameters"] == {"keyId": SERVICE_KEY, "encryptionContext": CONTEXT}
    assert told["resources"] == [{"accountId": "000000000000", "type": "AWS::KMS::Key", "ARN": SERVICE_KEY}]
    assert told["additionalEventData"] == {"modelArn": MODEL}
    assert "errorCode" not in told


def test_an_import_is_told_with_its_job_and_who_created_it() -> None:
    """The root principal, here."""
    told = record({"principal": "arn:aws:iam::000000000000:root", "job_id": "job000000001"})

    assert told["userIdentity"]["type"] == "Root"
    assert told["additionalEventData"]["jobArn"] == (
        "arn:aws:bedrock:us-east-1:000000000000:model-import-job/job000000001"
    )


def test_a_use_that_nobody_asked_for_is_the_services() -> None:
    """Models that are kept warm, jobs of before creators were kept."""
    assert record({})["userIdentity"] == {"type": "AWSService", "invokedBy": "bedrock.amazonaws.com"}
    assert record({"principal": ""})["userIdentity"]["type"] == "AWSService"
    assert record({"command": "outcrop keys rotate"})["additionalEventData"]["command"] == "outcrop keys rotate"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyDeniedError("no"), "AccessDenied"),
        (KeyUnavailableError("The key is disabled."), "KMSInvalidStateException"),
        (UnavailableError("KMS", "503"), "KMSInternalException"),
    ],
)
def test_a_refusal_is_told_as_one(error: OutcropError, code: str) -> None:
    """With its reason."""
    told = record({}, error)

    assert (told["errorCode"], told["errorMessage"]) == (code, str(error))


@pytest.mark.parametrize("key_id", ["alias/none", "nonsense", "arn:", ""])
def test_a_name_that_leads_to_no_key_has_no_resource(key_id: str) -> None:
    """Whatever the caller wrote."""
    assert record({}, KeyUnavailableError("none"), key_id=key_id)["resources"] == []


@pytest.mark.anyio
async def test_every_use_and_refusal_has_its_record() -> None:
    """In the order of the uses; key material is in none."""
    records: list[Any] = []
    fake = FakeKeyService()
    keys = LoggedKeys(fake, trail=records.append, clock=FakeClock())

    with structlog.contextvars.bound_contextvars(job_id="job000000001", principal="arn:aws:iam::000000000000:root"):
        made = await keys.generate_data_key(SERVICE_KEY, CONTEXT)
        await keys.unwrap(SERVICE_KEY, made.wrapped, CONTEXT)
        fake.denied.add(SERVICE_KEY)
        with pytest.raises(KeyDeniedError):
            await keys.unwrap(SERVICE_KEY, made.wrapped, CONTEXT)
        with pytest.raises(KeyUnavailableError):
            await keys.resolve("alias/none", Tenant(account="000000000000", region="us-east-1"))

    assert [(each["eventName"], each.get("errorCode")) for each in records] == [
        ("GenerateDataKey", None),
        ("Decrypt", None),
        ("Decrypt", "AccessDenied"),
        ("DescribeKey", "KMSInvalidStateException"),
    ]
    assert all(each["userIdentity"]["type"] == "Root" for each in records)
    written = json.dumps(records)
    assert made.plaintext.hex() not in written
    assert made.wrapped.hex() not in written
