"""The plan stage: what lies at a source."""

import pytest

from outcrop.errors import SourceChangedError, SourceMissingError, SourceUnusableError
from outcrop.imports import plan as planning
from outcrop.imports.plan import pin, plan
from outcrop.records import Checksum, ChecksumType, SourceLocation
from outcrop.testing.store import FakeObjectStore

pytestmark = pytest.mark.anyio


async def test_folder_markers_are_no_files() -> None:
    """What consoles make for a new folder is not part of a model."""
    store = FakeObjectStore({"b": {"m/": b"", "m/sub/": b"", "m/config.json": b"{}", "m/empty": b""}})

    found = await plan(store, SourceLocation.parse("s3://b/m"))

    assert [item.key for item in found] == ["m/config.json", "m/empty"]


async def test_an_empty_prefix_is_told_in_awss_words() -> None:
    """The sentence that people search for (SPEC 7.8.1, 7.8.2)."""
    store = FakeObjectStore({"b": {"m/": b""}})

    with pytest.raises(SourceMissingError, match=r"could not find the expected file s3://b/m/config\.json"):
        await plan(store, SourceLocation.parse("s3://b/m/"))


async def test_an_archive_in_place_of_a_prefix_has_its_cure() -> None:
    """SageMaker's output is one file; nothing is unpacked (SPEC F5)."""
    store = FakeObjectStore({"b": {"out/model.tar.gz": b"..."}})

    with pytest.raises(SourceMissingError, match=r"model\.tar\.gz/config\.json.*archive is not unpacked"):
        await plan(store, SourceLocation.parse("s3://b/out/model.tar.gz"))


async def test_a_whole_bucket_by_mistake_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing has an end, however many objects there are."""
    monkeypatch.setattr(planning, "MOST_OBJECTS", 5)
    store = FakeObjectStore({"b": {f"x/{number}": b"" for number in range(6)}})

    with pytest.raises(SourceUnusableError, match="more than 5 objects"):
        await plan(store, SourceLocation.parse("s3://b/"))


async def test_pins_come_in_the_order_of_the_objects() -> None:
    """Each object keeps its place, however many are asked about at once."""
    store = FakeObjectStore({"b": {f"m/{number:03}": b"x" * number for number in range(100)}})
    kept = Checksum(algorithm="CRC32", value="AAAAAA==", type=ChecksumType.FULL_OBJECT)
    store.checksums["m/007"] = kept
    found = await plan(store, SourceLocation.parse("s3://b/m"))

    pinned = await pin(store, found)

    assert [item.key for item in pinned] == [item.key for item in found]
    assert [item.key for item in pinned if item.checksum == kept] == ["m/007"]


async def test_an_object_that_changed_since_the_listing_is_named() -> None:
    """The import ends before a byte of the weights is read."""
    bucket = {"m/config.json": b"{}"}
    store = FakeObjectStore({"b": bucket})
    found = await plan(store, SourceLocation.parse("s3://b/m"))
    bucket["m/config.json"] = b"[]"

    with pytest.raises(SourceChangedError, match=r"s3://b/m/config\.json"):
        await pin(store, found)
