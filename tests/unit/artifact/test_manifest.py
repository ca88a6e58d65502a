"""The manifest: what it keeps, and that its bytes never change by accident."""

import pytest

from outcrop.artifact.manifest import source_from_json, source_to_json
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
