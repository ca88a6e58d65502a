"""Policy documents and requests for the tests of this folder."""

from typing import Any

from outcrop.access.evaluate import Request
from outcrop.records import JsonObject

MODEL = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef012345"
OTHER_MODEL = "arn:aws:bedrock:us-east-1:123456789012:imported-model/zzzzzz012345"
ANA = "arn:aws:iam::123456789012:user/ana"


def statement(**changes: Any) -> dict[str, Any]:
    """Allows everything, but for what is changed; None takes an element away."""
    whole = {"Effect": "Allow", "Action": "*", "Resource": "*"} | changes
    return {name: value for name, value in whole.items() if value is not None}


def document(*statements: JsonObject) -> JsonObject:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def request(**changes: Any) -> Request:
    """Ana invokes a model, but for what is changed."""
    members: dict[str, Any] = {
        "action": "bedrock:InvokeModel",
        "resource": MODEL,
        "principal_arn": ANA,
        "account": "123456789012",
        "region": "us-east-1",
        "source_ip": "203.0.113.7",
    }
    return Request(**(members | changes))
