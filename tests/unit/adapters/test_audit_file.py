"""The file of the audit log."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from outcrop.adapters.audit_file import AuditFile


def test_each_record_is_a_line(tmp_path: Path) -> None:
    """Appended to what is there; nobody else may read it."""
    path = tmp_path / "log" / "audit.jsonl"
    for number in (1, 2):
        audit = AuditFile(path)
        audit.write({"eventName": "A", "number": number, "text": "two\nlines, ünd \ud800"})
        audit.close()

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """Rotation needs no signal."""
    path = tmp_path / "audit.jsonl"
    audit = AuditFile(path, look_every_s=0)
    audit.write({"eventName": "A"})

    path.rename(tmp_path / "audit.jsonl.1")
    audit.write({"eventName": "B"})
    path.unlink()
    audit.write({"eventName": "C"})
    audit.close()

    assert "A" in (tmp_path / "audit.jsonl.1").read_text()
    assert json.loads(path.read_text()) == {"eventName": "C"}


def test_a_full_disk_is_told_and_serves_on() -> None:
    """The call has been answered already."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this platform has no /dev/full")
    audit = AuditFile(full)

    with capture_logs() as logs:
        audit.write({"eventName": "GetImportedModel"})
    audit.close()

    assert [(entry["event"], entry["operation"]) for entry in logs] == [("audit_record_lost", "GetImportedModel")]
