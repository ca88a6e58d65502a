"""What a terminal shows of a report."""

import io

import pytest
from rich.console import Console

from outcrop.artifact.examine import examine
from outcrop.artifact.finding import Profile
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.terminal.report import print_report


def test_findings_have_file_message_and_cure(capsys: pytest.CaptureFixture[str]) -> None:
    """And the verdict of both profiles, whichever was asked."""
    print_report(examine(ModelSnapshot(sizes={})), "s3://b/m/", profiles=["bedrock"], as_json=False)

    text = capsys.readouterr().out
    assert "s3://b/m/" in text
    assert "config.json" in text
    assert "→" in text
    assert text.rstrip().splitlines()[-2].startswith("bedrock")
    assert text.rstrip().splitlines()[-1].startswith("outcrop")


def test_a_severity_that_differs_is_told_for_both() -> None:
    """Who asks for one profile sees what the other says."""
    from outcrop.artifact.finding import Kind, Severity
    from outcrop.terminal.report import _severities

    found = Kind("x.y", Severity.NOTE, Severity.ERROR).found("config.json", "is odd.", cure="Mend it.")
    output = io.StringIO()

    Console(file=output, color_system=None).print(_severities(found, Profile.OUTCROP))

    assert output.getvalue().split() == ["note", "bedrock:", "error"]
