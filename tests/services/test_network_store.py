"""S3 over an import's own connections: by name, with TLS, as far as the bytes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from outcrop.adapters.dialer import Dialer
from outcrop.adapters.outbound import Outbound
from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.errors import NetworkRefusedError, UnavailableError
from outcrop.imports.egress import Egress
from outcrop.imports.network_file import read_networks
from outcrop.records import SourceLocation, SourceObject
from outcrop.testing.networks import FakeNetworkCatalog
from tests.services.certificates import Authority
from tests.services.faulty_s3 import FaultyS3, faulty_s3

pytestmark = pytest.mark.anyio

NAME = "s3.oc.test"
DATA = bytes(range(256)) * 4096


def store_at(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, bundle: Path, *, ports: Any = "all") -> S3ObjectStore:
    """The store by its name, which nobody but the subnet knows."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(bundle.with_name("config")))
    bundle.with_name("config").write_text("[default]\ns3 =\n  addressing_style = path\n")
    scheme, port = s3.url.split(":")[0], s3.url.rpartition(":")[2]
    known = read_networks(
        {
            "subnets": {"subnet-1": {"source": "127.6.6.6", "hosts": {NAME: "127.0.0.1"}}},
            "security-groups": {"sg-1": {"egress": [{"to": "127.0.0.1/32", "ports": ports}]}},
        }
    )
    egress = Egress(subnets=tuple(known.subnets.values()), groups=tuple(known.groups.values()))

    def resolve(name: str, _subnet: object) -> Any:
        raise AssertionError(name)

    dial = Dialer(egress, pin=partial(FakeNetworkCatalog().pin, "j"), resolve=resolve)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return S3ObjectStore(
        session,
        {"AWS_CA_BUNDLE": str(bundle)},
        outbound=Outbound(dial=dial, endpoints={"s3": f"{scheme}://{NAME}:{port}"}),
    )


async def read_all(store: S3ObjectStore) -> list[bytes]:
    """Lists, pins and reads all that is there, in four ranges each."""
    found: list[bytes] = []
    async for item in store.list(SourceLocation(bucket="b", prefix="")):
        pinned = await store.pin(item)
        quarter = pinned.size_bytes // 4
        found += [bytes(await store.read(pinned, part * quarter, (part + 1) * quarter)) for part in range(4)]
    return found


@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_store_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool) -> None:
    """The certificate is for the name, and the connection goes to the address."""
    authority = Authority(tmp_path)
    with faulty_s3(["b"], tls=authority.server(name=NAME) if is_tls else None) as s3:
        s3.put("b", "weights", DATA)
        store = store_at(s3, monkeypatch, authority.bundle)

        found = await read_all(store)
        store.close()

    assert b"".join(found) == DATA


@pytest.mark.parametrize("what", ["list", "read"])
async def test_a_certificate_of_another_name_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whatever the address is."""
    authority = Authority(tmp_path)
    with faulty_s3(["b"], tls=authority.server(name="127.0.0.1")) as s3:
        s3.put("b", "weights", DATA)
        store = store_at(s3, monkeypatch, authority.bundle)

        with pytest.raises(UnavailableError):
            if what == "list":
                await read_all(store)
            else:
                etag = s3.buckets["b"]["weights"].etag
                await store.read(SourceObject(bucket="b", key="weights", size_bytes=len(DATA), etag=etag), 0, 9)
        store.close()

    assert s3.gets == []


async def test_a_refused_range_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked."""
    with faulty_s3(["b"]) as s3:
        s3.put("b", "weights", DATA)
        store = store_at(s3, monkeypatch, tmp_path / "none", ports=1)
        etag = s3.buckets["b"]["weights"].etag

        with pytest.raises(NetworkRefusedError, match=r"sg-1 does not allow a connection to s3\.oc\.test"):
            await store.read(SourceObject(bucket="b", key="weights", size_bytes=len(DATA), etag=etag), 0, 9)
        store.close()

        assert s3.gets == []
