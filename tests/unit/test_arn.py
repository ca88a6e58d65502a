"""ARNs and ids."""

import secrets

import pytest

from outcrop import arn
from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.records import SourceLocation


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
@pytest.mark.parametrize("kind", ResourceKind)
def test_an_arn_is_read_as_it_was_written(region: str, kind: ResourceKind) -> None:
    """In every partition."""
    made = Arn(tenant=Tenant(account="123456789012", region=region), kind=kind, id="abcdef012345")

    assert arn.parse(str(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        "my-model",
        "arn:aws:bedrock:us-east-1:123456789012:imported-model/ABCDEF012345",
        "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef01234",
        "arn:aws:bedrock:us-east-1:123456789012:custom-model/abcdef012345",
        "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef012345\n",
        "arn:aws:s3:::bucket",
    ],
)
def test_what_is_no_arn_of_ours_is_none(text: str) -> None:
    """It may be a name instead; who asks decides."""
    assert arn.parse(text) is None


def test_ids_are_what_aws_patterns_ask_for() -> None:
    """Twelve characters of [a-z0-9] (SPEC 2.0.5, 2.0.6)."""
    made = arn.new_id(secrets.choice)

    assert len(made) == 12
    assert set(made) <= set(arn.ID_ALPHABET)


@pytest.mark.parametrize(
    ("uri", "bucket", "prefix"),
    [
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
        ("s3://b/p", "b", "p/"),
        ("s3://b/p/q/", "b", "p/q/"),
    ],
)
def test_a_source_is_a_bucket_and_a_folder(uri: str, bucket: str, prefix: str) -> None:
    """The trailing slash makes no difference (SPEC 2.0.4)."""
    assert SourceLocation.parse(uri) == SourceLocation(bucket=bucket, prefix=prefix)
