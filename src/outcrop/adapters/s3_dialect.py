"""In what S3 stores differ, and what objects may be besides readable: archived, under another's key, charged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient

from outcrop.errors import SourceUnreadableError
from outcrop.records import Checksum, ChecksumType, SourceObject

_ALGORITHMS = ("CRC64NVME", "CRC32", "CRC32C", "SHA256", "SHA1")
"""Those that S3 stores and that can be computed here; the first that an object has is taken."""
_TYPES = frozenset(kind.value for kind in ChecksumType)
_ARCHIVED = "InvalidObjectState"
_BAD_REQUEST = 400
_CUSTOMER_KEY = re.compile(r"server[ -]side encryption", re.IGNORECASE)
"""S3, Ceph and MinIO refuse objects under SSE-C with codes of many meanings (InvalidRequest, InvalidArgument); that it
is about encryption stands in the sentence beside it, and nowhere else."""
_PAYER = "x-amz-request-payer"
_PAYS = "requester"


def stored_checksum(head: Mapping[str, Any]) -> Checksum | None:
    """Reads the checksum headers of a HEAD; stores that tell no type mark composite ones by `-N` alone."""
    for algorithm in _ALGORITHMS:
        value, dash, _ = str(head.get(f"Checksum{algorithm}", "")).partition("-")
        told = head.get("ChecksumType", "COMPOSITE" if dash else "FULL_OBJECT")
        if value and told in _TYPES:
            return Checksum(algorithm=algorithm, value=value, type=ChecksumType(told))
    return None


def unreadable(source: SourceObject, status: int, code: str, message: str) -> SourceUnreadableError | None:
    """Returns why an object cannot be read by anybody who may read; None where it is another refusal.

    Args:
        source: the object.
        status: HTTP status of the refusal.
        code: S3's code of it.
        message: S3's sentence.
    """
    if code == _ARCHIVED:
        return SourceUnreadableError(
            str(source),
            kind="archived",
            reason="is archived (a Glacier or Deep Archive storage class) and not restored",
            cure="Restore it (`aws s3api restore-object`), or copy it to the STANDARD class, and import again.",
        )
    if status == _BAD_REQUEST and _CUSTOMER_KEY.search(message):
        return SourceUnreadableError(
            str(source),
            kind="customer_key",
            reason="is encrypted with a key of its owner's own (SSE-C), which an import cannot be given",
            cure="Copy it with SSE-S3 or SSE-KMS (`aws s3 cp … --sse-c-copy-source …`), and import the copy.",
        )
    return None


def pay_for_requests(client: BaseClient) -> None:
    """Lets a client tell with every request that its owner pays for it."""
    client.meta.events.register("before-sign.s3", _pay)


def _pay(request: AWSRequest, **_: Any) -> None:
    if _PAYER not in request.headers:
        request.headers[_PAYER] = _PAYS
