"""What a terminal shows of a report."""

import io

import pytest
from rich.console import Console
from tests.unit.artifact.models import healthy

from outcrop.artifact.examine import examine
from outcrop.artifact.finding import Profile
from outcrop.artifact.report import Report
from outcrop.artifact.selection import Selection, select
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.terminal.report import print_report

NOTHING = Selection(taken=(), ignored={}, refused={})


def test_findings_have_file_message_and_cure(capsys: pytest.CaptureFixture[str]) -> None:
    """And the verdict of both profiles, whichever was asked."""
    print_report(examine(ModelSnapshot(sizes={})), NOTHING, "s3://b/m/", profiles=["bedrock"], as_json=False)

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


def printed(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    """What is shown of a report, its line ends taken out."""
    print_report(report, NOTHING, "model", profiles=["outcrop"], as_json=False)
    return " ".join(capsys.readouterr().out.split())


def test_findings_with_one_cure_are_one_block(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of them are shown, the rest is counted, the cure is said once."""
    text = printed(healthy().configured(num_hidden_layers=5).examined(), capsys)

    assert text.count("lacks tensor") == 3
    assert "and 24 more of these" in text
    assert text.count("config.json gives 5 layers") == 1
    assert "(27 errors, 0 warnings, 0 notes)" in text


def test_what_is_not_even_listed_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A report lists fifty of a kind; the terminal counts all."""
    text = printed(healthy().configured(num_hidden_layers=12).examined(), capsys)

    assert "and 87 more of these" in text
    assert "(90 errors, 0 warnings, 0 notes)" in text


def test_the_sizes_of_a_model_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """What it takes to run it, here and on Bedrock."""
    text = printed(healthy().examined(), capsys)

    assert "llama (text), 4.56 K parameters in BF16, context 64, with a working chat template" in text
    assert "expected on Bedrock: 1 Custom Model Unit" in text


def test_sizes_that_are_not_known_are_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made up for them."""
    text = printed(healthy().without("config.json").examined(), capsys)

    assert "Its sizes are not known" in text


def test_a_model_cannot_write_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What it calls its own type is shown as it is, escaped where it does not print."""
    model = healthy().configured(architectures=["GemmaForCausalLM"], model_type="[red]x[/nothing]\x1b[2J")

    text = printed(model.examined("GemmaForCausalLM"), capsys)

    assert "[red]x[/nothing]\\x1b[2J (text)" in text


def test_what_is_copied_and_what_is_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason, for as many files as a screen bears."""
    model = healthy().having({"README.md": b"x", **{f"checkpoint-{number}/x": b"x" for number in range(12)}})
    print_report(model.examined(), select(model.snapshot()), "model", profiles=["outcrop"], as_json=False)

    text = capsys.readouterr().out
    assert "5 files would be copied, 13 files would not:" in text
    assert "README.md: no reader asks for it" in text
    assert "… and 3 more" in text
