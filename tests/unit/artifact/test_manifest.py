"""The manifest: what it keeps, and that its bytes never change by accident."""

import json
from dataclasses import replace

import pytest

from outcrop.artifact.manifest import (
    CopiedFile,
    Manifest,
    ManifestFile,
    copied_from_json,
    copied_to_json,
    digest,
    source_from_json,
    source_to_json,
)
from outcrop.errors import IntegrityError
from outcrop.records import Checksum, ChecksumType, SourceObject

CHECKSUMS = [
    None,
    Checksum(algorithm="CRC64NVME", value="rosUhgp5mIg=", type=ChecksumType.FULL_OBJECT),
    Checksum(algorithm="SHA256", value="AA==", type=ChecksumType.COMPOSITE, part_bytes=(8_388_608, 17)),
]


@pytest.mark.parametrize("checksum", CHECKSUMS)
def test_a_pin_survives_its_record(checksum: Checksum | None) -> None:
    """What the store told of an object is read back as it was written."""
    pin = SourceObject(bucket="b", key="m/a", size_bytes=3, etag='"e"', version_id="v", checksum=checksum)

    assert source_from_json(source_to_json(pin)) == pin


FILE = ManifestFile(
    path="model.safetensors",
    size_bytes=4,
    header=bytes([40]) + bytes(range(39)),
    crc64nvme="rosUhgp5mIg=",
    run_segments=8,
    run_sha256=("00" * 32,),
    source=SourceObject(bucket="b", key="m/model.safetensors", size_bytes=4, etag='"e"', checksum=CHECKSUMS[1]),
)


def test_golden_bytes() -> None:
    """The manifest's bytes are its digest, and so the artifact's identity: they never change by accident."""
    manifest = Manifest(artifact_id="abcdefghijkl", files=(FILE,))

    assert manifest.encode() == (
        b'{"artifact_id":"abcdefghijkl","files":['
        b'{"crc64nvme":"rosUhgp5mIg=",'
        b'"header":"28000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526",'
        b'"path":"model.safetensors",'
        b'"run_segments":8,'
        b'"run_sha256":["0000000000000000000000000000000000000000000000000000000000000000"],'
        b'"size_bytes":4,'
        b'"source":{"bucket":"b",'
        b'"checksum":{"algorithm":"CRC64NVME","part_bytes":[],"type":"FULL_OBJECT","value":"rosUhgp5mIg="},'
        b'"etag":"\\"e\\"","key":"m/model.safetensors","size_bytes":4,"version_id":null}}],'
        b'"format":2}'
    )


def test_what_was_encoded_is_decoded() -> None:
    """Every member comes back, and the files in the order of their paths."""
    other = replace(FILE, path="config.json")
    data = Manifest(artifact_id="abcdefghijkl", files=(FILE, other)).encode()

    assert Manifest.decode(data, sha256=digest(data)).files == (other, FILE)


def test_another_format_is_refused() -> None:
    """A manifest of a format that is not known is not guessed at."""
    data = Manifest(artifact_id="abcdefghijkl", files=(FILE,)).encode().replace(b'"format":2', b'"format":3')

    with pytest.raises(IntegrityError, match="format 3"):
        Manifest.decode(data, sha256=digest(data))


def test_a_manifest_with_another_digest_is_refused() -> None:
    """One that was rolled back to an older import, say."""
    data = Manifest(artifact_id="abcdefghijkl", files=(FILE,)).encode()

    with pytest.raises(IntegrityError, match="not the one"):
        Manifest.decode(data, sha256=digest(b"another"))


def test_a_finished_copy_survives_its_record() -> None:
    """The step's record is read back as it was written."""
    copied = CopiedFile(path=FILE.path, size_bytes=4, header=FILE.header, crc64nvme=FILE.crc64nvme, source=FILE.source)

    assert copied_from_json(json.loads(json.dumps(copied_to_json(copied)))) == copied
