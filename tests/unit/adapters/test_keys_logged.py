"""What the log tells of keys."""

import pytest
from structlog.testing import capture_logs

from outcrop.adapters.keys_logged import LoggedKeys
from outcrop.arn import Tenant
from outcrop.errors import KeyDeniedError, KeyUnavailableError, UnavailableError
from outcrop.testing.clock import FakeClock
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService

pytestmark = pytest.mark.anyio

TENANT = Tenant(account="000000000000", region="us-east-1")
MODEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"
CONTEXT = {"outcrop:model-arn": MODEL}


async def test_every_use_is_told_and_no_secret_is() -> None:
    """Key, operation and model; never what was wrapped."""
    keys = LoggedKeys(FakeKeyService(), trail=None, clock=FakeClock())

    with capture_logs() as events:
        made = await keys.generate_data_key(SERVICE_KEY, CONTEXT)
        opened = await keys.unwrap(SERVICE_KEY, made.wrapped, CONTEXT)

    assert opened == made.plaintext
    facts = {"event": "key_used", "key_arn": SERVICE_KEY, "model_arn": MODEL, "log_level": "info"}
    assert events == [{"operation": "GenerateDataKey", **facts}, {"operation": "Decrypt", **facts}]


@pytest.mark.parametrize(
    "failure", [KeyUnavailableError("disabled"), KeyDeniedError("denied"), UnavailableError("KMS", "503")]
)
async def test_every_refusal_is_told(failure: Exception) -> None:
    """And raised as it was."""
    fake = FakeKeyService()
    fake.failures = [failure]

    with capture_logs() as events, pytest.raises(type(failure)):
        await LoggedKeys(fake, trail=None, clock=FakeClock()).generate_data_key(SERVICE_KEY, CONTEXT)

    assert events == [
        {
            "event": "key_refused",
            "operation": "GenerateDataKey",
            "key_arn": SERVICE_KEY,
            "model_arn": MODEL,
            "error": type(failure).__name__,
            "log_level": "warning",
        }
    ]


async def test_a_key_that_does_not_resolve_is_told() -> None:
    """The operator sees what was asked for."""
    with capture_logs() as events, pytest.raises(KeyUnavailableError):
        await LoggedKeys(FakeKeyService(), trail=None, clock=FakeClock()).resolve("alias/none", TENANT)

    assert [(event["event"], event["key_id"]) for event in events] == [("key_refused", "alias/none")]
