"""Policies with a name, so that nobody must write one to begin: what AWS calls managed policies. Pure."""

import json
from collections.abc import Mapping

_READING = ("bedrock:Get*", "bedrock:List*")
_INVOKING = ("bedrock:InvokeModel*", "bedrock:CountTokens")


def _allow(*actions: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


MANAGED: Mapping[str, str] = {
    "full": _policy(_allow("bedrock:*", "iam:PassRole")),
    "read": _policy(_allow(*_READING)),
    "invoke": _policy(_allow(*_READING, *_INVOKING)),
}
"""Everything; only looking; looking, and asking models."""
