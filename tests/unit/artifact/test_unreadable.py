"""Files that are there and cannot be read."""

import pytest
from tests.unit.artifact.models import healthy, snapshot_of

from outcrop.artifact.examine import examine
from outcrop.artifact.snapshot import ModelSnapshot


@pytest.mark.parametrize(
    ("kind", "finding"), [("archived", "source.archived"), ("customer_key", "source.customer_key")]
)
def test_every_unreadable_file_is_named_at_once(kind: str, finding: str) -> None:
    """In one finding, since they are restored or copied together; nothing that follows from it is told."""
    whole = snapshot_of(healthy().files)
    unreadable = {"model.safetensors": kind, "config.json": kind}

    report = examine(ModelSnapshot(sizes=whole.sizes, contents=whole.contents, unreadable=unreadable))

    assert [found.id for found in report.findings] == [finding]
    assert report.findings[0].file == "config.json"
    assert "1 more" in report.findings[0].message
    assert "model.safetensors" in str(report.findings[0].actual)
    assert not report.is_importable("outcrop")
    assert not report.is_importable("bedrock")
