"""Session policies that narrow a role to one source: whatever else it may do, the session may not. Pure.

A session may do what both the role's policies and its own allow
(https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from outcrop.records import SourceLocation

LONGEST = 2048
"""Characters of a session policy (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)."""
_SPECIAL = str.maketrans(dict.fromkeys("*?$", "?"))
"""What policies give a meaning to; `?` is any one character, and known to every store."""


def session_policies(source: SourceLocation, *, partition: str = "aws") -> tuple[str, ...]:
    """Returns policies for reading a source, in the order in which to try them: not every STS knows KMS's actions.

    A policy that would be too long because of its prefix allows the whole bucket.
    """
    statements = _statements(f"arn:{partition}:s3:::{source.bucket}", source.prefix.translate(_SPECIAL))
    decrypt = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"}
    policies = (_encoded([*statements, decrypt]), _encoded(statements))
    if source.prefix and len(policies[0]) > LONGEST:
        return session_policies(SourceLocation(bucket=source.bucket, prefix=""), partition=partition)
    return policies


def _statements(bucket_arn: str, prefix: str) -> list[Mapping[str, Any]]:
    listing: dict[str, Any] = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn}
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": f"{prefix}*"}}
    # GetObject, GetObjectVersion and GetObjectAttributes, the last of which not every store knows by name.
    reading = {"Effect": "Allow", "Action": "s3:GetObject*", "Resource": f"{bucket_arn}/{prefix}*"}
    return [listing, reading]


def _encoded(statements: list[Mapping[str, Any]]) -> str:
    # Without blanks: Ceph takes a form's `+` for a plus.
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return text.replace(" ", "\\u0020")
