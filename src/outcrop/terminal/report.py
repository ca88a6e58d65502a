"""A report for people, as a table; and for programs, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from outcrop.artifact.config import BEYOND_BEDROCK, UNSUPPORTED
from outcrop.artifact.finding import Finding, Profile, Severity
from outcrop.artifact.report import Report
from outcrop.artifact.selection import Selection
from outcrop.artifact.wording import counted, printable

NOT_FOR_BEDROCK = frozenset({BEYOND_BEDROCK.id, UNSUPPORTED.id})
"""With these there is nothing that Bedrock would bill."""

MESSAGES_OF_A_BLOCK = 3
"""A model of the wrong size lacks hundreds of tensors: three show what kind of trouble it is."""

FILES_SHOWN = 10
"""Files that are left out, with the reason; the JSON form has more."""

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def print_report(report: Report, selection: Selection, target: str, *, profiles: Sequence[str], as_json: bool) -> None:
    """Prints a report; the findings are ranked by the first of `profiles`."""
    if as_json:
        print(json.dumps({**report.to_json(), **selection.to_json()}, indent=2))  # noqa: T201  # what the command is for
        return
    # Without markup: what a model calls itself may hold brackets.
    console = Console(highlight=False, markup=False)
    first = Profile(profiles[0])
    console.print(Text(target, style="bold"))
    _print_facts(report, console)
    console.print(_files(selection))
    if report.findings:
        console.print(_findings(report, first))
    for profile in (first, *(other for other in Profile if other is not first)):
        console.print(_verdict(report, profile))


def _print_facts(report: Report, console: Console) -> None:
    facts, fit = report.facts, report.fit
    if facts is None or fit is None:
        console.print("Its sizes are not known: not enough of it could be read.\n", style="dim")
        return
    console.print(
        f"{facts.architecture} ({fit.modality}), {_amount(facts.parameters)} parameters in "
        f"{', '.join(fit.precisions)}, context {facts.context_length:,}, "
        f"{'with' if facts.is_instruct else 'without'} a working chat template"
    )
    sizes = [
        f"{decimal(facts.weight_bytes)} of weights in {counted(fit.weight_files, 'file')}",
        f"about {decimal(fit.memory_bytes)} of memory with the whole context",
    ]
    if not any(found.id in NOT_FOR_BEDROCK for found in report.findings):
        sizes.append(f"expected on Bedrock: {counted(facts.custom_model_units, 'Custom Model Unit')}")
    console.print("; ".join(sizes) + "\n")


def _files(selection: Selection) -> Text:
    """What would be copied, and why each other file would not."""
    text = Text(f"{counted(len(selection.taken), 'file')} would be copied", style="dim")
    left_out = list(selection.ignored.items())
    if left_out:
        text.append(f", {counted(len(left_out), 'file')} would not:")
    for path, why in left_out[:FILES_SHOWN]:
        text.append(f"\n  {printable(path)}: {why}")
    if len(left_out) > FILES_SHOWN:
        text.append(f"\n  … and {len(left_out) - FILES_SHOWN:,} more")
    return text.append("\n")


def _findings(report: Report, profile: Profile) -> Table:
    """One block for each cause: messages and cures need the whole width, and like findings share one cure."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    blocks: dict[tuple[str, str, str, Severity], list[Finding]] = {}
    for found in report.ranked(profile):
        blocks.setdefault((found.id, found.file, found.cure, found.severity(profile)), []).append(found)
    last_of_kind = {identifier: (identifier, *rest) for identifier, *rest in blocks}
    for key, block in blocks.items():
        found, more = block[0], len(block) - MESSAGES_OF_A_BLOCK
        if key == last_of_kind[found.id]:
            more = max(more, 0) + report.omitted.get(found.id, 0)
        text = Text.assemble((found.file or "the model", "bold"), "  ", (found.id, "dim"), "\n")
        for one in block[:MESSAGES_OF_A_BLOCK]:
            text.append(f"{one.message}\n")
        if more > 0:
            text.append(f"… and {more:,} more of these\n", "dim")
        table.add_row(_severities(found, profile), text.append("→ ", "green").append(f"{found.cure}\n"))
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
    numbers = ((verdict.errors, "error"), (verdict.warnings, "warning"), (verdict.notes, "note"))
    counts = ", ".join(counted(count, noun) for count, noun in numbers)
    return Text.assemble(f"{profile.value:<8} ", (word, style), f"  ({counts})")


def _amount(count: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
