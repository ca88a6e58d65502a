"""The plan stage: what lies at the source, each object pinned so that every later read means these very bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from outcrop.errors import SourceMissingError, SourceUnusableError
from outcrop.ports import ObjectStore
from outcrop.records import SourceLocation, SourceObject
from outcrop.tasks import Tasks

MOST_OBJECTS = 20_000
"""More than any model has; a prefix with more is a bucket's root by mistake."""
PINS_AT_ONCE = 32
"""Enough that a model of 200 files is pinned in seven round trips."""

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


async def pin(store: ObjectStore, objects: Sequence[SourceObject]) -> list[SourceObject]:
    """Returns the objects that will be copied, in the same order, with their versions and stored checksums.

    Raises:
        SourceMissingError, SourceDeniedError, SourceChangedError: an object is not what was listed.
        UnavailableError: the store is away.
    """
    slots = asyncio.Semaphore(PINS_AT_ONCE)

    async def one(item: SourceObject) -> SourceObject:
        async with slots:
            return await store.pin(item)

    async with Tasks() as tasks:
        pinned = [tasks.create_task(one(item)) for item in objects]
    return [task.result() for task in pinned]


def _hint(location: SourceLocation) -> str:
    if location.prefix.rstrip("/").endswith(ARCHIVES):
        return " An archive is not unpacked: upload its files, and name their prefix."
    return ""
