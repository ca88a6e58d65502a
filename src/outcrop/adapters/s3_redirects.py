"""Buckets of another region: botocore finds the region and asks there, once; and a store that only says "elsewhere".

botocore asks such a store with HEAD where the bucket is, and follows the redirect of that answer in the same way: a
store that redirects everything and names no region ends as a RecursionError. Its question is therefore not redirected.
"""

from __future__ import annotations

from typing import Any

import botocore.client

ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
"""Codes with which S3 says that a bucket is in another region than it was asked for in."""
_REDIRECTS = range(300, 400)


def follow_once(client: botocore.client.BaseClient) -> botocore.client.BaseClient:
    """Returns the S3 client, which from now on follows a redirect to another region once."""
    client.meta.events.register("before-call.s3.HeadBucket", _take_as_it_is)
    return client


def learn_region(client: botocore.client.BaseClient, bucket: str) -> None:
    """Lets the client find out where a bucket is, as its next request would: a signed URL is sent by nobody who could.

    Raises:
        BotoCoreError, ClientError: it cannot be told.
    """
    # With the right that every source gives; HEAD would take the same one, and has no body to tell a reason in.
    client.list_objects_v2(Bucket=bucket, Prefix="outcrop/there-is-nothing-here/", MaxKeys=1)


def is_elsewhere(status: int, code: str) -> bool:
    """Says whether a refusal means that another region should be asked."""
    return status in _REDIRECTS or code in ELSEWHERE


def _take_as_it_is(context: dict[str, Any], **_: Any) -> None:
    context.setdefault("s3_redirect", {})["redirected"] = True
