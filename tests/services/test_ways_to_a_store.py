"""How a store is reached, as the AWS variables and ~/.aws/config say; and the checksums that it tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.errors import SourceUnusableError
from outcrop.records import ChecksumType, SourceObject
from tests.services.certificates import Authority
from tests.services.faulty_s3 import FaultyS3, faulty_s3
from tests.services.opened_s3 import Open, listed, no_settings, opened, read_whole

__all__ = ["no_settings", "opened"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    """A store with one object."""
    with faulty_s3(["models"]) as state:
        state.put("models", "m/config.json", b"{}")
        yield state


@pytest.mark.parametrize(
    ("headers", "checksum"),
    [
        ({}, None),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, ("CRC32", ChecksumType.FULL_OBJECT)),
        ({"x-amz-checksum-sha256": "c2hh-3"}, ("SHA256", ChecksumType.COMPOSITE)),
        ({"x-amz-checksum-crc32": "AAAAAA==-2", "x-amz-checksum-type": "COMPOSITE"}, ("CRC32", ChecksumType.COMPOSITE)),
        (
            {"x-amz-checksum-crc32c": "AAAAAA==", "x-amz-checksum-type": "FULL_OBJECT"},
            ("CRC32C", ChecksumType.FULL_OBJECT),
        ),
        ({"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, ("CRC64NVME", ChecksumType.FULL_OBJECT)),
        ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "SOMETHING_NEW"}, None),
    ],
)
async def test_checksums_as_stores_tell_them(
    server: FaultyS3, headers: dict[str, str], checksum: tuple[str, ChecksumType] | None, opened: Open
) -> None:
    """With their type, without it, none at all, and one that is not known."""
    server.buckets["models"]["m/config.json"].headers |= headers
    store = opened(server.url)

    pinned = (await store.pin((await listed(store))[0])).checksum

    assert (None if pinned is None else (pinned.algorithm, pinned.type)) == checksum


async def test_a_bundle_of_the_profile_counts_for_every_request(tmp_path: Path, opened: Open) -> None:
    """`ca_bundle` in ~/.aws/config, for lists and for ranged reads."""
    authority = Authority(tmp_path)
    (tmp_path / "config").write_text(f"[default]\nca_bundle = {authority.bundle}\n")
    with faulty_s3(["models"], tls=authority.server()) as state:
        state.put("models", "m/config.json", b"{}")
        trusting = opened(state.url, config=str(tmp_path / "config"))
        (source,) = await listed(trusting)

        assert await read_whole(trusting, source) == b"{}"
        with pytest.raises(SourceUnusableError, match="Set AWS_CA_BUNDLE"):
            await listed(opened(state.url))


@pytest.mark.parametrize("style", ["path", "virtual", "auto"])
async def test_buckets_in_the_path_or_before_the_host(
    server: FaultyS3, tmp_path: Path, style: str, opened: Open
) -> None:
    """`addressing_style` of ~/.aws/config; in the path where it says nothing and the endpoint is not AWS's."""
    (tmp_path / "config").write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    server.dialect.is_virtual = "localhost"
    store = opened(server.url.replace("127.0.0.1", "localhost"), config=str(tmp_path / "config"))
    url = store._listing.signed(SourceObject(bucket="models", key="m/config.json", size_bytes=2, etag="e")).url

    assert url.startswith("http://models.localhost" if style == "virtual" else "http://localhost")
    if style != "virtual":  # names before localhost are not known everywhere
        (source,) = await listed(store)
        assert await read_whole(store, source) == b"{}"


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, "models.s3.eu-west-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "models.s3.dualstack.eu-west-1.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "models.s3-fips.eu-west-1.amazonaws.com"),
        (
            {"AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_USE_FIPS_ENDPOINT": "true"},
            "models.s3-fips.dualstack.eu-west-1.amazonaws.com",
        ),
    ],
)
async def test_dual_stack_and_fips_endpoints(variables: dict[str, str], host: str, opened: Open) -> None:
    """As the AWS variables say; nothing is connected here."""
    store = opened("", region="eu-west-1", environment=variables)

    url = store._listing.signed(SourceObject(bucket="models", key="m/k", size_bytes=2, etag="e")).url

    assert url == f"https://{host}/m/k"
