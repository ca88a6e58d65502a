"""When two sources have the same content, as far as can be known without reading their bytes. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from outcrop.records import ChecksumType, JsonValue, SourceObject

VERSION = 1
"""Changes when the rule does, so that digests of two rules never meet."""


def content_sha256(files: Mapping[str, SourceObject]) -> str:
    """Returns a digest that two sources share only if their files are the same.

    An object is the same as itself while its ETag, size, version and stored checksum are. Objects of two names are the
    same only by a stored SHA-256 of all their bytes: ETags are not digests of the bytes in general (multipart, SSE-KMS,
    stores of other makers), and MD5 and CRCs can be forged.

    Args:
        files: by path within the model, the pinned objects that make it up.
    """
    content = [[path, item.size_bytes, *_identity(item)] for path, item in sorted(files.items())]
    return hashlib.sha256(json.dumps([VERSION, content], separators=(",", ":")).encode()).hexdigest()


def _identity(item: SourceObject) -> list[JsonValue]:
    stored = item.checksum
    if stored is not None and stored.algorithm == "SHA256" and stored.type is ChecksumType.FULL_OBJECT:
        return ["sha256", stored.value]
    checksum = None if stored is None else [stored.algorithm, stored.type.value, stored.value]
    return ["object", item.bucket, item.key, item.etag, item.version_id, checksum]
