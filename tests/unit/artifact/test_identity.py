"""When two sources have the same content."""

from dataclasses import replace

import pytest

from outcrop.artifact.identity import content_sha256
from outcrop.records import Checksum, ChecksumType, SourceObject

WEIGHTS = SourceObject(bucket="b", key="m/w", size_bytes=9, etag='"e"', version_id="v")
CONFIG = replace(WEIGHTS, key="m/config.json", size_bytes=2)
FULL = Checksum(algorithm="SHA256", value="s", type=ChecksumType.FULL_OBJECT)


def digest(weights: SourceObject, path: str = "w") -> str:
    """The identity of a source of two files."""
    return content_sha256({path: weights, "config.json": CONFIG})


def test_an_object_is_the_same_as_itself() -> None:
    """In whatever order files are listed."""
    assert digest(WEIGHTS) == content_sha256({"config.json": CONFIG, "w": WEIGHTS})


@pytest.mark.parametrize(
    "other",
    [
        {"bucket": "c"},
        {"key": "n/w"},
        {"size_bytes": 8},
        {"etag": '"f"'},
        {"version_id": None},
        {"version_id": "u"},
        {"checksum": Checksum(algorithm="CRC32", value="s", type=ChecksumType.FULL_OBJECT)},
    ],
)
def test_every_pin_counts(other: dict[str, object]) -> None:
    """An ETag of another bucket or name says nothing."""
    assert digest(replace(WEIGHTS, **other)) != digest(WEIGHTS)


def test_the_path_within_the_model_counts() -> None:
    """The same object under another name makes another model."""
    assert digest(WEIGHTS, "other") != digest(WEIGHTS)


def test_a_stored_sha256_is_the_same_everywhere() -> None:
    """Whatever the store, the name and the way of the upload; its size still counts."""
    here = replace(WEIGHTS, checksum=FULL)

    assert digest(replace(here, bucket="c", key="n/x", etag='"f"', version_id=None)) == digest(here)
    assert digest(replace(here, size_bytes=8)) != digest(here)
    assert digest(here) != digest(WEIGHTS)


@pytest.mark.parametrize(
    "checksum",
    [
        replace(FULL, type=ChecksumType.COMPOSITE),
        replace(FULL, algorithm="CRC64NVME"),
        replace(FULL, algorithm="SHA1"),
    ],
)
def test_weaker_checksums_do_not_name_content(checksum: Checksum) -> None:
    """They can be forged, or depend on how the object was uploaded."""
    here = replace(WEIGHTS, checksum=checksum)

    assert digest(here) == digest(here)
    assert digest(replace(here, bucket="c")) != digest(here)
