"""Files of a model that are there and cannot be read: archived, or under a key that only their owner has. Pure."""

from collections.abc import Iterator

from outcrop.artifact.finding import Finding, error
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.wording import listing

ARCHIVED = error("source.archived")
"""Objects are in an archive's storage class (Glacier, Deep Archive) and not restored. Do: restore them, or copy them to
the STANDARD class."""
CUSTOMER_KEY = error("source.customer_key")
"""Objects are encrypted with a key of their owner's own (SSE-C), which no import can be given. Do: copy them with
SSE-S3 or SSE-KMS."""


def judge_unreadable(snapshot: ModelSnapshot) -> Iterator[Finding]:
    """Names every file that could not be read. Nothing else can be said of such a model before they can be."""
    archived = sorted(path for path, kind in snapshot.unreadable.items() if kind == "archived")
    if archived:
        yield ARCHIVED.found(
            archived[0],
            f"is archived (Glacier, Deep Archive) and not restored; so {_are(archived)}.",
            cure="Restore them (`aws s3api restore-object`), or copy them to the STANDARD class.",
            expected="a storage class that can be read at once",
            actual=listing(archived),
        )
    sealed = sorted(path for path, kind in snapshot.unreadable.items() if kind == "customer_key")
    if sealed:
        yield CUSTOMER_KEY.found(
            sealed[0],
            f"is encrypted with a key of its owner's own (SSE-C), which an import cannot be given; so {_are(sealed)}.",
            cure="Copy them with SSE-S3 or SSE-KMS (`aws s3 cp … --sse-c-copy-source …`), and import the copies.",
            expected="SSE-S3, SSE-KMS or none",
            actual=listing(sealed),
        )


def _are(paths: list[str]) -> str:
    return f"are {len(paths) - 1} more" if len(paths) > 1 else "is no other file that is needed"
