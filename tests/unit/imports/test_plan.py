"""The plan stage: what lies at a source."""

import pytest

from outcrop.errors import SourceMissingError, SourceUnusableError
from outcrop.imports import plan as planning
from outcrop.imports.plan import plan
from outcrop.records import SourceLocation
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
