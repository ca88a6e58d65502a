"""S3 stores and objects as they are in the world: how they differ, and what of it an import can read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from outcrop.errors import (
    SourceChangedError,
    SourceDeniedError,
    SourceMissingError,
    SourceUnreadableError,
    SourceUnusableError,
    UnavailableError,
)
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3
from tests.services.faulty_state import Refusing
from tests.services.opened_s3 import KEYS, Open, listed, no_settings, opened, read_whole

__all__ = ["no_settings", "opened"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    """A store with one object."""
    with faulty_s3(["models"]) as state:
        state.put("models", "m/config.json", b"{}")
        yield state


@pytest.mark.parametrize("is_encoded", [True, False])
async def test_keys_with_every_character_are_listed_pinned_and_read(
    server: FaultyS3, opened: Open, *, is_encoded: bool
) -> None:
    """Whether or not the store encodes the keys of its lists."""
    server.dialect.encodes_keys = is_encoded
    server.buckets["models"].clear()
    for key in KEYS:
        server.put("models", key, key.encode())
    store = opened(server.url)

    found = await listed(store)

    assert sorted(item.key for item in found) == sorted(KEYS)
    for item in found:
        assert await read_whole(store, item) == item.key.encode()


@pytest.mark.parametrize("uri", ["s3://models/m", "s3://models/m/"])
async def test_a_prefix_does_not_take_its_longer_neighbour(server: FaultyS3, uri: str, opened: Open) -> None:
    """`m` means the folder m/, with and without the slash."""
    for key in ("m-v2/config.json", "m.txt", "mm/config.json"):
        server.put("models", key, b"{}")

    assert [item.key for item in await listed(opened(server.url), uri)] == ["m/config.json"]


@pytest.mark.parametrize("uri", ["s3://models", "s3://models/"])
async def test_a_bucket_root_is_a_prefix(server: FaultyS3, uri: str, opened: Open) -> None:
    """Everything in it."""
    server.put("models", "config.json", b"{}")

    assert [item.key for item in await listed(opened(server.url), uri)] == ["config.json", "m/config.json"]


@pytest.mark.parametrize("dialect", ["knows", "ignores", "refuses"])
async def test_lists_of_either_version_go_on_over_thousands_of_keys(
    server: FaultyS3, dialect: str, opened: Open
) -> None:
    """Stores that know only the first version of lists, or say so, are listed by keys."""
    server.dialect.knows_lists_of_version_2 = dialect != "ignores"
    server.dialect.refuses_lists_of_version_2 = dialect == "refuses"
    names = [f"many/{number:05} +%.bin" for number in range(2500)]
    for name in names:
        server.put("models", name, b"x")

    assert [item.key for item in await listed(opened(server.url), "s3://models/many")] == names


async def test_a_list_that_does_not_say_how_it_goes_on_is_no_whole_list(server: FaultyS3, opened: Open) -> None:
    """Neither an endless loop nor a model of which a part is missing."""
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    server.refusing = Refusing(status=200, body=body)

    with pytest.raises(SourceUnusableError, match="does not say how its list"):
        await listed(opened(server.url))


async def test_a_list_that_turns_in_circles_ends(server: FaultyS3, opened: Open) -> None:
    """The same token again."""
    token = b"<NextContinuationToken>t</NextContinuationToken>"
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated>%b</ListBucketResult>" % token
    server.refusing = Refusing(status=200, body=body)

    with pytest.raises(SourceUnusableError, match="does not say how its list"):
        await listed(opened(server.url))


@pytest.mark.parametrize(
    "etag",
    [
        lambda etag: etag.strip('"'),
        lambda etag: etag.upper(),
        lambda etag: f"W/{etag}",
    ],
    ids=["without quotes", "upper case", "weak"],
)
async def test_etags_as_stores_write_them(server: FaultyS3, etag: Any, opened: Open) -> None:
    """An unchanged object is read, and a changed one is not, however its ETag is written."""
    server.dialect.etag = etag
    store = opened(server.url)
    (source,) = await listed(store)

    assert await read_whole(store, source) == b"{}"
    server.put("models", "m/config.json", b"[]")
    with pytest.raises(SourceChangedError):
        await store.read(source, 0, 2)


async def test_objects_without_an_etag_are_not_imported(server: FaultyS3, opened: Open) -> None:
    """Nobody could tell whether they change."""
    server.dialect.etag = lambda _etag: ""

    with pytest.raises(SourceUnusableError, match=r"config\.json without its size or ETag"):
        await listed(opened(server.url))


async def test_a_bucket_of_another_region_is_found_and_read(server: FaultyS3, opened: Open) -> None:
    """The list follows the store's redirect once, and reads know the region from then on."""
    server.dialect.region = "eu-west-1"
    store = opened(server.url)
    (source,) = await listed(store)

    assert await read_whole(store, source) == b"{}"


async def test_a_read_of_another_process_finds_the_region_too(server: FaultyS3, opened: Open) -> None:
    """After a kill, an import goes on with reads and lists nothing."""
    (source,) = await listed(opened(server.url))
    server.dialect.region = "eu-west-1"

    assert bytes(await opened(server.url).read(source, 0, 2)) == b"{}"


@pytest.mark.parametrize("headers", [{}, {"x-amz-bucket-region": "us-east-1"}])
async def test_a_redirect_that_makes_no_sense_is_told(server: FaultyS3, headers: dict[str, str], opened: Open) -> None:
    """To nowhere, or to where it was asked for: not followed for ever."""
    server.refusing = Refusing.with_code(301, "PermanentRedirect")
    server.refusing = replace(server.refusing, headers={**server.refusing.headers, **headers})

    with pytest.raises(SourceUnusableError, match="elsewhere"):
        await listed(opened(server.url))


async def test_a_server_that_sends_its_clients_to_https_is_told(server: FaultyS3, opened: Open) -> None:
    """The cure is another endpoint."""
    server.refusing = Refusing(status=301, body=b"", headers={"Location": "https://store.example/"})

    with pytest.raises(SourceUnusableError, match=r"https://store\.example/"):
        await listed(opened(server.url))


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [(Fault.ARCHIVED, "archived", "restore-object"), (Fault.CUSTOMER_KEY, "customer_key", "SSE-C")],
)
async def test_objects_that_nobody_can_read_now_say_why(
    server: FaultyS3, fault: Fault, kind: str, says: str, opened: Open
) -> None:
    """By a read and by a HEAD, whose refusal has no words."""
    store = opened(server.url)
    (source,) = await listed(store)
    server.buckets["models"]["m/config.json"].fault = fault

    with pytest.raises(SourceUnreadableError, match=says) as read:
        await store.read(source, 0, 2)
    with pytest.raises(SourceUnreadableError, match=says) as pinned:
        await store.pin(source)
    assert (read.value.kind, pinned.value.kind) == (kind, kind)


async def test_a_kms_key_that_may_not_be_used_is_named(server: FaultyS3, opened: Open) -> None:
    """The right that is missing is on the key, not on the bucket."""
    store = opened(server.url)
    (source,) = await listed(store)
    server.buckets["models"]["m/config.json"].fault = Fault.KMS_DENIED

    for attempt in (store.read(source, 0, 2), store.pin(source)):
        with pytest.raises(SourceDeniedError, match=r"kms:Decrypt on arn:aws:kms:us-east-1:000000000000:key/k"):
            await attempt


async def test_a_bucket_whose_requesters_pay(server: FaultyS3, opened: Open) -> None:
    """Only who says so pays: AWS_REQUEST_PAYER=requester, for lists, HEADs and ranged reads."""
    server.dialect.requires_payer = True

    with pytest.raises(SourceDeniedError, match="s3:ListBucket"):
        await listed(opened(server.url))
    store = opened(server.url, environment={"AWS_REQUEST_PAYER": "requester"})
    (source,) = await listed(store)
    assert await read_whole(store, source) == b"{}"


async def test_a_public_bucket_needs_no_credentials(server: FaultyS3, opened: Open) -> None:
    """Without any, requests are not signed."""
    store = opened(server.url, keys=False)
    (source,) = await listed(store)

    assert await read_whole(store, source) == b"{}"
    assert set(server.signers) == {""}


async def test_a_private_bucket_without_credentials_names_the_variables(server: FaultyS3, opened: Open) -> None:
    """The store's refusal of an unsigned request says nothing of use."""
    server.dialect.is_public = False

    with pytest.raises(SourceDeniedError, match=r"no AWS credentials.*AWS_ACCESS_KEY_ID"):
        await listed(opened(server.url, keys=False))


async def test_a_version_is_pinned_and_a_delete_marker_is_a_missing_object(server: FaultyS3, opened: Open) -> None:
    """An object whose newest version is a delete marker answers 404."""
    server.buckets["models"]["m/config.json"].headers["x-amz-version-id"] = "v7"
    store = opened(server.url)
    (source,) = await listed(store)

    assert (await store.pin(source)).version_id == "v7"
    del server.buckets["models"]["m/config.json"]
    with pytest.raises(SourceMissingError):
        await store.read(source, 0, 2)


async def test_a_page_in_place_of_an_object_is_no_changed_object(server: FaultyS3, opened: Open) -> None:
    """A login page of a proxy."""
    store = opened(server.url)
    (source,) = await listed(store)
    server.faults.append(Fault.PAGE)

    with pytest.raises(UnavailableError, match="a web page"):
        await store.read(source, 0, 2)


async def test_a_content_length_that_is_too_large_is_no_harm_to_a_range_that_is_there(
    server: FaultyS3, opened: Open
) -> None:
    """The bytes count; the connection is not used again."""
    server.put("models", "m/config.json", bytes(1000))
    store = opened(server.url)
    (source,) = await listed(store)
    server.faults.append(Fault.LONGER)

    assert bytes(await store.read(source, 0, 1000)) == bytes(1000)
    assert bytes(await store.read(source, 0, 10)) == bytes(10)


async def test_a_head_that_tells_another_size_is_a_changed_object(server: FaultyS3, opened: Open) -> None:
    """The list and the HEAD disagree."""
    store = opened(server.url)
    (source,) = await listed(store)

    with pytest.raises(SourceChangedError):
        await store.pin(replace(source, size_bytes=3))
