"""Reading from an S3 server that misbehaves."""

import base64
from collections.abc import Iterator

import anyio
import boto3
import pytest

from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.errors import SourceChangedError, SourceDeniedError, SourceMissingError, UnavailableError
from outcrop.records import Checksum, ChecksumType, SourceLocation, SourceObject
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4096


class Collected:
    """A ByteSink that keeps what it received, a little at a time."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._room = memoryview(bytearray(100_000))

    def room(self) -> memoryview:
        """Memory for the next bytes."""
        return self._room

    def received(self, count: int) -> None:
        """Keeps them."""
        self.data += self._room[:count]


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    """A server with one object."""
    with faulty_s3(["models"]) as state:
        state.put("models", "m/a b+c.bin", DATA)
        yield state


@pytest.fixture
def store(server: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStore:
    """The server as a store."""
    return store_at(server, monkeypatch)


def store_at(server: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStore:
    """Opens a server as a store."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return S3ObjectStore(session, {})


async def only(store: S3ObjectStore) -> SourceObject:
    """The one object."""
    (found,) = [item async for item in store.list(SourceLocation.parse("s3://models/m"))]
    return found


async def test_a_prefix_of_any_number_of_pages_is_listed(server: FaultyS3, store: S3ObjectStore) -> None:
    """Pages follow each other until there are no more."""
    server.page_objects = 7
    for number in range(50):
        server.put("models", f"many/{number:03}", b"x")

    found = [item.key async for item in store.list(SourceLocation.parse("s3://models/many"))]

    assert found == [f"many/{number:03}" for number in range(50)]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.SHORT, Fault.STALL])
async def test_what_came_before_a_break_is_kept(server: FaultyS3, store: S3ObjectStore, fault: Fault) -> None:
    """After a reset, a short answer or a stall, the rest is read from where it broke."""
    source, sink = await only(store), Collected()
    server.faults.append(fault)
    store._ranges._stall_s = 0.5 if fault is Fault.STALL else 30.0

    with pytest.raises(UnavailableError):
        await store.stream(source, 0, len(DATA), sink)
    kept = len(sink.data)
    store._ranges._stall_s = 30.0
    await store.stream(source, kept, len(DATA), sink)

    assert 0 < kept < len(DATA)
    assert bytes(sink.data) == DATA


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SLOW_DOWN, UnavailableError),
        (Fault.INTERNAL, UnavailableError),
        (Fault.EXPIRED, UnavailableError),
        (Fault.WHOLE, UnavailableError),
        (Fault.DENIED, SourceDeniedError),
        (Fault.CHANGED, SourceChangedError),
        (Fault.CHANGED_UNNOTICED, SourceChangedError),
    ],
)
async def test_each_refusal_is_told_apart(
    server: FaultyS3, store: S3ObjectStore, fault: Fault, error: type[Exception]
) -> None:
    """What may pass can be tried again; what will not pass ends the import."""
    source = await only(store)
    server.faults.append(fault)

    with pytest.raises(error):
        await store.read(source, 100, 200)


async def test_an_object_that_went_is_named(server: FaultyS3, store: S3ObjectStore) -> None:
    """The key is in the message."""
    source = await only(store)
    server.buckets["models"].clear()

    with pytest.raises(SourceMissingError, match=r"a b\+c\.bin"):
        await store.read(source, 0, 10)
    with pytest.raises(SourceMissingError, match=r"a b\+c\.bin"):
        await store.pin(source)


async def test_a_server_that_is_not_there_is_away(store: S3ObjectStore, server: FaultyS3) -> None:
    """A refused connection may pass."""
    source = await only(store)
    with faulty_s3() as other:
        gone = other.url
    with pytest.MonkeyPatch.context() as patch:
        server.url = gone
        away = store_at(server, patch)

    with pytest.raises(UnavailableError):
        await away.read(source, 0, 10)


async def test_a_connection_that_was_closed_while_idle_is_no_failure(store: S3ObjectStore) -> None:
    """Servers close connections that nobody used for a while."""
    source = await only(store)
    await store.read(source, 0, 10)
    for connections in store._ranges._idle.values():
        for connection in connections:
            connection.sock.shutdown(2)

    assert bytes(await store.read(source, 0, 10)) == DATA[:10]


async def test_the_stored_checksum_is_pinned(server: FaultyS3, store: S3ObjectStore) -> None:
    """A HEAD tells what a listing does not."""
    value = base64.b64encode(bytes(8)).decode()
    server.buckets["models"]["m/a b+c.bin"].headers |= {
        "x-amz-checksum-crc64nvme": value,
        "x-amz-checksum-type": "FULL_OBJECT",
        "x-amz-version-id": "v1",
    }

    pinned = await store.pin(await only(store))

    assert pinned.version_id == "v1"
    assert pinned.checksum == Checksum(algorithm="CRC64NVME", value=value, type=ChecksumType.FULL_OBJECT)


@pytest.mark.parametrize("parts", [(), (1 << 19, 1 << 19)])
async def test_a_composite_checksum_has_its_parts(
    server: FaultyS3, store: S3ObjectStore, parts: tuple[int, ...]
) -> None:
    """The sizes of parts are asked for; where they are refused, the checksum is pinned without."""
    stored = server.buckets["models"]["m/a b+c.bin"]
    stored.headers["x-amz-checksum-crc32c"] = "AAAAAA==-2"
    stored.part_bytes = parts

    pinned = await store.pin(await only(store))

    assert pinned.checksum == Checksum(
        algorithm="CRC32C", value="AAAAAA==", type=ChecksumType.COMPOSITE, part_bytes=parts
    )


async def test_a_cancelled_read_is_over_when_it_returns(
    server: FaultyS3, store: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes into memory that its owner has given to somebody else."""
    source, sink = await only(store), Collected()
    read, ended = store._ranges.read, []

    def watched(*args: object, **kwargs: object) -> None:
        try:
            read(*args, **kwargs)
        finally:
            ended.append(True)

    monkeypatch.setattr(store._ranges, "read", watched)
    server.faults.append(Fault.STALL)
    with anyio.move_on_after(0.1) as scope:
        await store.stream(source, 0, len(DATA), sink)

    assert scope.cancelled_caught
    assert ended == [True]
