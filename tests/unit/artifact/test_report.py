"""Reports: ranking, verdicts, the JSON form, and the text of a failureMessage."""

import json

import pytest
from tests.unit.artifact.models import healthy

from outcrop.artifact.finding import Finding, Kind, Profile, Severity, error, note, warning
from outcrop.artifact.report import LISTED_OF_A_KIND, SCHEMA, Report

E, W, N = error("e.e"), warning("w.w"), note("n.n")
BEDROCK_ONLY = Kind("b.b", Severity.NOTE, Severity.ERROR)


def found(kind: Kind, number: int = 0) -> Finding:
    """A finding of a kind."""
    return kind.found(f"file{number}", "is broken.", cure="Mend it.")


def test_the_gravest_come_first_and_causes_before_consequences() -> None:
    """Among equals, the order in which they were found stays."""
    report = Report.collect([found(N), found(W), found(E, 1), found(BEDROCK_ONLY), found(E, 2)])

    assert [(each.id, each.file) for each in report.findings] == [
        ("e.e", "file1"),
        ("e.e", "file2"),
        ("w.w", "file0"),
        ("b.b", "file0"),
        ("n.n", "file0"),
    ]
    assert [each.id for each in report.ranked("bedrock")] == ["e.e", "e.e", "b.b", "w.w", "n.n"]


def test_each_profile_has_its_verdict() -> None:
    """An error of one may be a note of the other."""
    report = Report.collect([found(BEDROCK_ONLY), found(W)])

    assert report.is_importable("outcrop")
    assert not report.is_importable(Profile.BEDROCK)
    assert (report.verdicts[Profile.BEDROCK].errors, report.verdicts[Profile.BEDROCK].warnings) == (1, 1)


def test_thousands_of_findings_are_counted_and_few_are_listed() -> None:
    """A report stays readable, and small."""
    report = Report.collect(found(E, number) for number in range(10_000))

    assert len(report.findings) == LISTED_OF_A_KIND
    assert report.omitted == {"e.e": 10_000 - LISTED_OF_A_KIND}
    assert report.verdicts[Profile.OUTCROP].errors == 10_000


def test_the_json_form_has_its_documented_members() -> None:
    """Programs read it; names are promises."""
    document = json.loads(json.dumps(healthy().configured(model_type="x").examined().to_json(), allow_nan=False))

    assert document["schema"] == SCHEMA == "outcrop.report/1"
    assert document["verdicts"]["outcrop"] == {"importable": False, "errors": 1, "warnings": 0, "notes": 0}
    assert set(document) == {"schema", "verdicts", "facts", "fit", "findings", "omitted"}
    assert document["facts"] == {
        "architecture": "llama",
        "is_instruct": True,
        "parameters": 4560,
        "weight_bytes": document["facts"]["weight_bytes"],
        "context_length": 64,
        "custom_model_units": 1,
    }
    assert set(document["findings"][0]) == {"id", "severity", "file", "message", "cure", "expected", "actual"}
    assert document["findings"][0]["severity"] == {"outcrop": "error", "bedrock": "error"}


@pytest.mark.parametrize("report", [Report.collect([]), Report.collect([found(E), found(W)]), healthy().examined()])
def test_a_report_survives_its_json_form(report: Report) -> None:
    """What is kept with a job is read back."""
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_one_error_is_told_as_it_is() -> None:
    """File and cause first, then the cure."""
    assert Report.collect([found(E)]).summary() == "file0: is broken. Mend it."


def test_several_errors_are_counted_and_numbered() -> None:
    """Warnings are counted; notes are not."""
    report = Report.collect([found(E, 1), found(E, 2), found(W), found(N)])

    assert report.summary() == (
        "2 errors. (1) file1: is broken. Mend it. (2) file2: is broken. Mend it. The full report holds 1 warning."
    )


def test_errors_with_one_cure_are_told_once() -> None:
    """A model that lacks a thousand tensors has room for what else is wrong with it."""
    alike = [E.found("model.safetensors", f"lacks tensor {number}.", cure="Mend it.") for number in range(3)]

    summary = Report.collect([*alike, found(E)]).summary()

    assert summary == (
        "4 errors. (1) model.safetensors: lacks tensor 0. And 2 more like it. Mend it. (2) file0: is broken. Mend it."
    )


def test_a_summary_stays_within_its_limit() -> None:
    """SPEC 2.0.18: 2,048 characters; what does not fit is counted."""
    report = Report.collect(found(E, number) for number in range(1000))

    summary = report.summary()

    assert len(summary) <= 2048
    assert summary.startswith("1000 errors. (1) file0: ")
    assert summary.endswith(" more errors.")
    shown = summary.count("Mend it.")
    assert f"The full report holds {1000 - shown} more errors." in summary


@pytest.mark.parametrize("limit", [10, 50, 100, 2048])
def test_even_one_long_error_stays_within_the_limit(limit: int) -> None:
    """Cut at the end, where the cure is."""
    long = E.found("file", "x" * 3000, cure="y")

    assert len(Report.collect([long]).summary(limit=limit)) <= limit
    assert len(Report.collect([long, long]).summary(limit=limit)) <= limit


def test_a_summary_is_of_one_profile() -> None:
    """What only Bedrock minds does not stop an import here."""
    report = Report.collect([found(BEDROCK_ONLY)])

    assert report.summary() == "No error was found."
    assert report.summary(profile="bedrock") == "file0: is broken. Mend it."


def test_file_names_cannot_mislead_a_terminal() -> None:
    """Control characters and reversed text are escaped."""
    assert E.found("a\x1b[31m\u202eb", "", cure="").file == "a\\x1b[31m\\u202eb"
