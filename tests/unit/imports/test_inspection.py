"""What is read of a model: enough, at once, and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from tests.unit.artifact.models import framed, healthy, ids, sharded, snapshot_of

from outcrop.artifact.examine import examine
from outcrop.artifact.snapshot import FIRST_READ, MOST_HEADER_BYTES, ModelSnapshot
from outcrop.errors import SourceDeniedError, SourceUnreadableError, UnavailableError
from outcrop.imports.inspection import READS_AT_ONCE, inspect
from outcrop.records import SourceLocation, SourceObject

PREFIX = "models/llama/"


class CountingStore:
    """Objects in memory that tells how it was read, and can hold less than it lists."""

    def __init__(self, files: Mapping[str, bytes], sizes: Mapping[str, int] | None = None) -> None:
        self.files = files
        self.sizes = {path: len(data) for path, data in files.items()} | dict(sizes or {})
        self.reads: list[tuple[str, int, int]] = []
        self.at_once = self.most_at_once = 0
        self.failure: Exception | None = None

    @property
    def objects(self) -> list[SourceObject]:
        """What a listing gives."""
        return [
            SourceObject(bucket="b", key=PREFIX + path, size_bytes=size, etag="e") for path, size in self.sizes.items()
        ]

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:  # noqa: ARG002  # the port's
        """Yields what a listing gives."""
        for item in self.objects:
            yield item

    async def read(self, source: SourceObject, start: int, end: int) -> memoryview:
        """Returns what there is of a range, after letting others run."""
        path = source.key.removeprefix(PREFIX)
        self.reads.append((path, start, end))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(3):
            await asyncio.sleep(0)
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        return memoryview(self.files[path])[start:end]

    def inspect(self) -> ModelSnapshot:
        """Runs the reading."""
        return asyncio.run(inspect(self, self.objects, PREFIX))


def test_small_files_are_read_whole_and_weights_to_the_end_of_their_header() -> None:
    """The same snapshot as the rules' own tests have."""
    files = sharded().having({"tokenizer.model": b"\n" * 2000, "README.md": b"x", "sub/config.json": b"{}"}).files

    snapshot = CountingStore(files).inspect()

    assert snapshot == snapshot_of(files)
    assert len(snapshot.heads["tokenizer.model"]) == 512
    assert "README.md" not in snapshot.contents
    assert examine(snapshot).findings == ()


def test_one_read_is_enough_for_an_ordinary_header() -> None:
    """And it is no longer than the file."""
    files = healthy().files

    store = CountingStore(files)
    store.inspect()

    assert [read for read in store.reads if read[0] == "model.safetensors"] == [
        ("model.safetensors", 0, len(files["model.safetensors"]))
    ]


def test_a_longer_header_takes_a_second_read_for_the_rest() -> None:
    """Nothing is read twice, and no tensor data beyond the first read."""
    header = json.dumps({f"tensor.{number}": {} for number in range(30_000)}).encode()
    data = framed(header, 1000)
    store = CountingStore({"model.safetensors": data})

    snapshot = store.inspect()

    assert len(header) > FIRST_READ
    assert [read[1:] for read in store.reads] == [(0, FIRST_READ), (FIRST_READ, 8 + len(header))]
    assert snapshot.heads["model.safetensors"] == data[: 8 + len(header)]


def test_many_shards_are_read_at_once_within_bounds() -> None:
    """Two hundred shards take two rounds, not two hundred."""
    files = {f"model-{number:05}-of-00200.safetensors": framed(b"{}", 0) for number in range(1, 201)}
    store = CountingStore(files)

    store.inspect()

    assert len(store.reads) == 200
    assert store.most_at_once == READS_AT_ONCE


def test_an_object_that_is_smaller_than_listed_is_told() -> None:
    """Of a small file and of weights; nothing fails."""
    files = {**healthy().files}
    sizes = {"tokenizer_config.json": 10_000, "model.safetensors": len(files["model.safetensors"]) + 5000}

    snapshot = CountingStore(files, sizes).inspect()

    assert snapshot.present == {
        "tokenizer_config.json": len(files["tokenizer_config.json"]),
        "model.safetensors": len(files["model.safetensors"]),
    }
    assert ids(examine(snapshot)) == {"file.cut_short"}


def test_a_header_that_cannot_be_there_costs_one_read() -> None:
    """A length of 2^63 is told, not followed; and of each such file only the beginning is kept."""
    store = CountingStore({"model.safetensors": (2**63).to_bytes(8, "little") + b"{" * 100_000})

    snapshot = store.inspect()

    assert len(store.reads) == 1
    assert len(snapshot.heads["model.safetensors"]) == 512


def test_all_headers_together_are_bounded() -> None:
    """Files that each announce a header of 20 MB are not read into memory."""
    length = 20_000_000
    head = length.to_bytes(8, "little") + b"{" + b" " * FIRST_READ
    names = [f"model-{number:05}-of-00005.safetensors" for number in range(1, 6)]
    store = CountingStore(dict.fromkeys(names, head), dict.fromkeys(names, length + 8))

    snapshot = store.inspect()

    assert sum(end - start for _, start, end in store.reads) <= MOST_HEADER_BYTES + 5 * FIRST_READ
    assert sum(len(kept) for kept in snapshot.heads.values()) <= MOST_HEADER_BYTES


def test_paths_that_play_tricks_are_not_read() -> None:
    """Some stores cannot even be asked for them."""
    store = CountingStore({"config.json": b"{}", "../x.safetensors": b"", "a\\b.safetensors": b"xx"})

    store.inspect()

    assert {path for path, _, _ in store.reads} == {"config.json"}


@pytest.mark.parametrize("failure", [SourceDeniedError("no"), UnavailableError("S3", "timeout")])
def test_what_the_store_refuses_is_raised_as_it_is(failure: Exception) -> None:
    """Not as a group, and not as a finding: nothing is known of the model."""
    store = CountingStore(healthy().files)
    store.failure = failure

    with pytest.raises(type(failure)):
        store.inspect()


def test_an_empty_prefix_is_the_bucket_root() -> None:
    """Paths are the keys themselves."""
    store = CountingStore({})
    item = SourceObject(bucket="b", key="config.json", size_bytes=0, etag="e")

    assert asyncio.run(inspect(store, [item], "")).contents == {"config.json": b""}


def test_files_that_nobody_can_read_now_are_all_gathered() -> None:
    """Restoring one archived file after the other would take days."""
    store = CountingStore(sharded().files)
    store.failure = SourceUnreadableError("s3://b/k", kind="archived", reason="is archived", cure="Restore it.")

    snapshot = store.inspect()

    assert set(snapshot.unreadable) >= {"config.json", "tokenizer.json", *snapshot.weights}
    assert set(snapshot.unreadable.values()) == {"archived"}
