"""The plan stage: what lies at the source, each object pinned so that every later read means these very bytes."""

from __future__ import annotations

from outcrop.errors import SourceMissingError, SourceUnusableError
from outcrop.ports import ObjectStore
from outcrop.records import SourceLocation, SourceObject

MOST_OBJECTS = 20_000
"""More than any model has; a prefix with more is a bucket's root by mistake."""


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
"""Names of what people give in place of a prefix (SPEC F5); only the hint depends on them."""


async def plan(store: ObjectStore, location: SourceLocation) -> list[SourceObject]:
    """Lists and pins the source.

    Raises:
        SourceMissingError: the bucket does not exist, or holds nothing there.
        SourceUnusableError: there are more objects than a model can have.
    """
    objects: list[SourceObject] = []
    async for item in store.list(location):
        if item.key.endswith("/") and item.size_bytes == 0:
            # What consoles make when somebody clicks "new folder".
            continue
        objects.append(item)
        if len(objects) > MOST_OBJECTS:
            raise SourceUnusableError(
                f"{location} holds more than {MOST_OBJECTS} objects. Name the prefix of one model, not a whole bucket."
            )
    if not objects:
        # AWS's own beginning (SPEC 7.8.2), which people search for.
        raise SourceMissingError(
            f"could not find the expected file {location}config.json: there is nothing at {location}.{_hint(location)}"
        )
    return objects


def _hint(location: SourceLocation) -> str:
    if location.prefix.rstrip("/").endswith(ARCHIVES):
        return " An archive is not unpacked: upload its files, and name their prefix."
    return ""
