"""What every ObjectStore does: the fake and local folders here, a real S3 server in tests/services/test_s3.py."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from outcrop.adapters.store_local import LocalObjectStore
from outcrop.errors import SourceChangedError, SourceMissingError
from outcrop.ports import ObjectStore
from outcrop.records import SourceLocation, SourceObject
from outcrop.testing.store import FakeObjectStore

pytestmark = pytest.mark.anyio

KEYS = ["m/config.json", "m/model-00001-of-00002.safetensors", "m/sub/note (1)'!.txt", "other/x"]


@dataclass(frozen=True)
class Subject:
    """A store that holds the keys above, and how to change what it holds."""

    store: ObjectStore
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]


@pytest.fixture(params=["fake", "local"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    """A bucket `models` with the content of each key its own name."""
    if request.param == "fake":
        bucket: dict[str, bytes] = {}
        found = Subject(FakeObjectStore({"models": bucket}), bucket.__setitem__, bucket.__delitem__)
    else:
        found = local_subject(tmp_path)
    return filled(found)


def filled(subject: Subject) -> Subject:
    """Puts the keys, each with its own name as content."""
    for key in KEYS:
        subject.put(key, key.encode())
    return subject


def local_subject(folder: Path) -> Subject:
    """Folders as buckets."""

    def put(key: str, data: bytes) -> None:
        path = folder / "models" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return Subject(LocalObjectStore([folder]), put, lambda key: (folder / "models" / key).unlink())


async def listed(store: ObjectStore, uri: str) -> dict[str, SourceObject]:
    """What a listing yields, by key."""
    return {item.key: item async for item in store.list(SourceLocation.parse(uri))}


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("s3://models/m/", KEYS[:3]),
        ("s3://models/m", KEYS[:3]),
        ("s3://models/", KEYS),
        ("s3://models", KEYS),
        ("s3://models/m/sub", KEYS[2:3]),
        ("s3://models/nothing/", []),
    ],
)
async def test_lists_what_is_under_a_prefix(subject: Subject, uri: str, keys: list[str]) -> None:
    """A prefix means a folder, with or without its trailing slash."""
    found = await listed(subject.store, uri)

    assert sorted(found) == sorted(keys)
    assert all(item.size_bytes == len(key) for key, item in found.items())


async def test_a_missing_bucket_is_named(subject: Subject) -> None:
    """The error names the bucket."""
    with pytest.raises(SourceMissingError, match="no-such-bucket"):
        await listed(subject.store, "s3://no-such-bucket/m/")


async def test_reads_exactly_the_range(subject: Subject) -> None:
    """Any range of an object, and the empty one."""
    source = (await listed(subject.store, "s3://models/m/"))["m/config.json"]

    assert bytes(await subject.store.read(source, 0, source.size_bytes)) == b"m/config.json"
    assert bytes(await subject.store.read(source, 2, 8)) == b"config"
    assert bytes(await subject.store.read(source, 4, 4)) == b""


@pytest.mark.parametrize("data", [b"M/CONFIG.JSON", b"m/config.json, and more", b""])
async def test_an_object_that_changed_is_not_read(subject: Subject, data: bytes) -> None:
    """A pinned object that was replaced, be it by one of the same size, fails by its name."""
    source = (await listed(subject.store, "s3://models/m/"))["m/config.json"]
    subject.put("m/config.json", data)

    with pytest.raises(SourceChangedError, match=r"config\.json"):
        await subject.store.read(source, 0, 5)


async def test_an_object_that_went_is_not_read(subject: Subject) -> None:
    """A pinned object that was deleted fails by its name."""
    source = (await listed(subject.store, "s3://models/m/"))["m/config.json"]
    subject.remove("m/config.json")

    with pytest.raises(SourceMissingError, match=r"config\.json"):
        await subject.store.read(source, 0, 5)


@pytest.mark.parametrize("uri", ["s3://models/../", "s3://models/m/../../", "s3://../x/"])
async def test_a_local_prefix_stays_in_its_bucket(tmp_path: Path, uri: str) -> None:
    """Dots in a prefix do not climb out of the folder that is the bucket."""
    local_subject(tmp_path / "buckets").put("m/config.json", b"{}")
    (tmp_path / "secret").write_text("secret")
    found: dict[str, SourceObject] = {}

    with contextlib.suppress(SourceMissingError):
        found = await listed(LocalObjectStore([tmp_path / "buckets"]), uri)

    assert found == {}


async def test_links_to_files_are_followed(tmp_path: Path) -> None:
    """A Hugging Face cache is made of links; what they lead to is the object."""
    (tmp_path / "blob").write_bytes(b"weights")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.safetensors").symlink_to(tmp_path / "blob")
    (tmp_path / "models" / "dangling").symlink_to(tmp_path / "nothing")

    found = await listed(LocalObjectStore([tmp_path]), "s3://models/")

    assert {key: item.size_bytes for key, item in found.items()} == {"model.safetensors": 7}


async def test_a_pin_keeps_what_was_listed(subject: Subject) -> None:
    """A closer look adds to what a listing told and changes nothing of it."""
    source = (await listed(subject.store, "s3://models/m/"))["m/config.json"]

    pinned = await subject.store.pin(source)

    assert replace(pinned, version_id=None, checksum=None) == source
