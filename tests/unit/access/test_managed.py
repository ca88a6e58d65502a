"""The policies with a name."""

import pytest

from outcrop.access.evaluate import Request, decide
from outcrop.access.managed import MANAGED
from outcrop.access.policy import read


def may(name: str, action: str) -> bool:
    """Whether a named policy allows an action."""
    request = Request(
        action=action,
        resource="arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl",
        principal_arn="arn:aws:iam::000000000000:user/ana",
        account="000000000000",
        region="us-east-1",
        source_ip="127.0.0.1",
    )
    return decide([read(MANAGED[name])], request).allowed


@pytest.mark.parametrize(
    ("action", "allowing"),
    [
        ("bedrock:GetImportedModel", {"full", "read", "invoke"}),
        ("bedrock:ListTagsForResource", {"full", "read", "invoke"}),
        ("bedrock:InvokeModel", {"full", "invoke"}),
        ("bedrock:InvokeModelWithResponseStream", {"full", "invoke"}),
        ("bedrock:CountTokens", {"full", "invoke"}),
        ("bedrock:CreateModelImportJob", {"full"}),
        ("bedrock:DeleteImportedModel", {"full"}),
        ("iam:PassRole", {"full"}),
    ],
)
def test_each_allows_what_its_name_says(action: str, allowing: set[str]) -> None:
    """And nothing more."""
    assert {name for name in MANAGED if may(name, action)} == allowing
