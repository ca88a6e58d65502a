"""What a session of a role may do."""

import json

import pytest

from outcrop.adapters.session_policy import LONGEST, session_policies
from outcrop.records import SourceLocation


def statements(uri: str, number: int = 0) -> list[dict[str, object]]:
    """The statements of a source's policy."""
    found: list[dict[str, object]] = json.loads(session_policies(SourceLocation.parse(uri))[number])["Statement"]
    return found


def test_a_session_may_read_its_source_and_nothing_else() -> None:
    """List the prefix, get what is under it, and decrypt what KMS has encrypted there."""
    assert statements("s3://models/team/a") == [
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::models",
            "Condition": {"StringLike": {"s3:prefix": "team/a/*"}},
        },
        {"Effect": "Allow", "Action": "s3:GetObject*", "Resource": "arn:aws:s3:::models/team/a/*"},
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"},
    ]


def test_an_sts_that_does_not_know_kms_gets_the_rest() -> None:
    """Ceph refuses a policy with an action that it does not know."""
    assert statements("s3://models/a/", 1) == statements("s3://models/a/")[:2]


def test_the_root_of_a_bucket_has_no_condition() -> None:
    """A listing without a prefix has none to compare."""
    assert "Condition" not in statements("s3://models")[0]
    assert statements("s3://models")[1]["Resource"] == "arn:aws:s3:::models/*"


@pytest.mark.parametrize("prefix", ["a*b", "a?b", "${aws:username}", "a b+c/ü"])
def test_what_policies_give_a_meaning_to_has_none(prefix: str) -> None:
    """A star in a key allows no more than one other character; a variable is not replaced; blanks are no pluses."""
    policy = session_policies(SourceLocation.parse(f"s3://models/{prefix}/"))[0]

    resource = json.loads(policy)["Statement"][1]["Resource"].removesuffix("/*")
    assert not set(resource) & set("*$")
    assert len(resource) == len(f"arn:aws:s3:::models/{prefix}")
    assert " " not in policy


def test_a_policy_that_would_be_too_long_allows_the_bucket() -> None:
    """STS takes 2,048 characters; a prefix may have a thousand, and stands there twice."""
    policies = session_policies(SourceLocation.parse("s3://models/" + "long/" * 200))

    assert all(len(policy) <= LONGEST for policy in policies)
    assert json.loads(policies[0])["Statement"] == statements("s3://models/")


def test_a_role_of_another_partition_has_its_buckets_there() -> None:
    """arn:aws-cn and the like."""
    (policy, _) = session_policies(SourceLocation.parse("s3://m/"), partition="aws-cn")

    assert "arn:aws-cn:s3:::m" in policy
    assert "arn:aws:" not in policy
