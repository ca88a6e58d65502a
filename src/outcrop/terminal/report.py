"""A report for people, as a table; and for programs, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from outcrop.artifact.finding import Finding, Profile, Severity
from outcrop.artifact.report import Report

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def print_report(report: Report, target: str, *, profiles: Sequence[str], as_json: bool) -> None:
    """Prints a report; the findings are ranked by the first of `profiles`."""
    if as_json:
        print(json.dumps(report.to_json(), indent=2))  # noqa: T201  # what the command is for
        return
    console = Console(highlight=False)
    first = Profile(profiles[0])
    _print_facts(report, target, console)
    if report.findings:
        console.print(_findings(report, first))
    for kind, count in report.omitted.items():
        console.print(f"… and {count} more of {kind}", style="dim")
    for profile in (first, *(other for other in Profile if other is not first)):
        console.print(_verdict(report, profile))


def _print_facts(report: Report, target: str, console: Console) -> None:
    console.print(Text(target, style="bold"))
    facts = report.facts
    if facts is None:
        return
    converse = "with a chat template" if facts.is_instruct else "without a chat template"
    console.print(
        f"{facts.architecture}, {_amount(facts.parameters)} parameters, "
        f"{decimal(facts.weight_bytes)} of weights, "
        f"context {facts.context_length:,}, {converse}, {facts.custom_model_units} custom model unit(s)"
    )


def _findings(report: Report, profile: Profile) -> Table:
    """One block for each finding, since messages and cures need the whole width to be read."""
    table = Table.grid(padding=(0, 2, 1, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for found in report.ranked(profile):
        table.add_row(
            _severities(found, profile),
            Text.assemble(
                (found.file or "the model", "bold"), "  ", (found.id, "dim"), "\n",
                found.message, "\n",
                ("→ ", "green"), found.cure,
            ),
        )  # fmt: skip
    return table


def _severities(found: Finding, profile: Profile) -> Text:
    """How grave a finding is for the profile that was asked and, where it differs, for the other."""
    text = Text(found.severity(profile).value, style=STYLES[found.severity(profile)])
    for other in Profile:
        if found.severity(other) is not found.severity(profile):
            text.append(f"\n{other.value}:\n", style="dim").append(
                found.severity(other).value, style=STYLES[found.severity(other)]
            )
    return text


def _verdict(report: Report, profile: Profile) -> Text:
    verdict = report.verdicts[profile]
    word, style = ("importable", "bold green") if verdict.is_importable else ("not importable", "bold red")
    counts = f"{verdict.errors} errors, {verdict.warnings} warnings, {verdict.notes} notes"
    return Text.assemble(f"{profile.value:<8} ", (word, style), f"  ({counts})")


def _amount(count: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
