"""KMS's answers as our errors."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.session import get_session
from tests.contract.kms_server import Kms, running_kms

from outcrop.adapters.keys_kms import AWAY, DENIED, UNUSABLE, KmsKeys
from outcrop.arn import Tenant
from outcrop.errors import KeyDeniedError, KeyUnavailableError, UnavailableError

pytestmark = pytest.mark.anyio

TENANT = Tenant(account="000000000000", region="us-east-1")
CONTEXT = {"outcrop:model-arn": "m"}
ATTEMPTS = 3


@pytest.fixture
def server() -> Iterator[tuple[Kms, str]]:
    """A KMS."""
    with running_kms() as running:
        yield running


@pytest.fixture
def keys(server: tuple[Kms, str], monkeypatch: pytest.MonkeyPatch) -> KmsKeys:
    """Its keys, found the AWS way."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", server[1])
    session = boto3.Session(aws_access_key_id="AKIA", aws_secret_access_key="secret")
    return KmsKeys(session, service_key=server[0].make_key(), own=TENANT, timeout_s=2)


def test_every_error_of_the_model_is_known() -> None:
    """What the three operations may answer, by AWS's model of them, is in the tables."""
    model = get_session().get_service_model("kms")
    operations = ("DescribeKey", "GenerateDataKey", "Decrypt")

    declared = {shape.name for name in operations for shape in model.operation_model(name).error_shapes}

    assert declared - AWAY - DENIED - UNUSABLE.keys() == set()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"usage": "SIGN_VERIFY", "spec": "RSA_2048"}, "not a symmetric key"),
        ({"usage": "ENCRYPT_DECRYPT", "spec": "RSA_2048"}, "not a symmetric key"),
        ({"usage": "GENERATE_VERIFY_MAC", "spec": "HMAC_256"}, "not a symmetric key"),
        ({"state": "PendingDeletion"}, "PendingDeletion"),
        ({"state": "Disabled"}, "Disabled"),
    ],
)
async def test_keys_that_cannot_wrap_do_not_resolve(
    keys: KmsKeys, server: tuple[Kms, str], facts: dict[str, str], says: str
) -> None:
    """They are refused before anything is copied, with the reason."""
    arn = server[0].make_key(**facts)

    with pytest.raises(KeyUnavailableError, match=says):
        await keys.resolve(arn, TENANT)


@pytest.mark.parametrize("operation", ["DescribeKey", "GenerateDataKey", "Decrypt"])
async def test_a_denial_names_the_action_and_the_key(keys: KmsKeys, server: tuple[Kms, str], operation: str) -> None:
    """The key's owner reads what to allow."""
    arn = server[0].make_key()
    made = await keys.generate_data_key(arn, CONTEXT)
    server[0].keys[arn].denied.add(operation)

    with pytest.raises(KeyDeniedError, match=f"kms:{operation} on {arn}"):
        if operation == "DescribeKey":
            await keys.resolve(arn, TENANT)
        elif operation == "GenerateDataKey":
            await keys.generate_data_key(arn, CONTEXT)
        else:
            await keys.unwrap(arn, made.wrapped, CONTEXT)


@pytest.mark.parametrize(
    "failure",
    [
        ("KMSInternalException", 500),
        ("ThrottlingException", 400),
        ("LimitExceededException", 400),
        ("ServiceUnavailable", 503),
        ("ExpiredTokenException", 400),
    ],
)
async def test_a_kms_that_is_away_is_no_verdict_on_the_key(
    keys: KmsKeys, server: tuple[Kms, str], failure: tuple[str, int]
) -> None:
    """It is waited for; what comes later is an answer again."""
    arn = server[0].make_key()
    server[0].failures = [failure] * ATTEMPTS

    with pytest.raises(UnavailableError):
        await keys.generate_data_key(arn, CONTEXT)

    server[0].failures = []
    assert (await keys.generate_data_key(arn, CONTEXT)).plaintext


async def test_a_refused_connection_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there any more."""
    with running_kms() as (kms, url):
        arn = kms.make_key()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", url)
    session = boto3.Session(aws_access_key_id="AKIA", aws_secret_access_key="secret")

    with pytest.raises(UnavailableError, match="EndpointConnectionError"):
        await KmsKeys(session, service_key=arn, own=TENANT, timeout_s=2).resolve(None, TENANT)


async def test_kms_is_told_the_model(keys: KmsKeys, server: tuple[Kms, str]) -> None:
    """At making and at unwrapping: key policies and CloudTrail see it."""
    arn = server[0].make_key()

    made = await keys.generate_data_key(arn, CONTEXT)
    await keys.unwrap(arn, made.wrapped, CONTEXT)

    assert server[0].asked == [("GenerateDataKey", CONTEXT), ("Decrypt", CONTEXT)]
