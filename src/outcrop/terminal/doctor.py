"""What `outcrop doctor` shows: for people, as a list; for programs, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from outcrop.doctor.outcomes import Outcome, State, to_json

STYLES = {State.OK: "green", State.WRONG: "bold red", State.UNKNOWN: "yellow", State.SKIPPED: "dim"}


def print_outcomes(target: str | None, outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    """Prints every check, in order."""
    if as_json:
        print(json.dumps(to_json(target, outcomes), indent=2))  # noqa: T201  # what the command is for
        return
    # Without markup: what a server calls itself may hold brackets.
    console = Console(highlight=False, markup=False)
    console.print(Text(target or "this machine and its settings", style="bold"))
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for outcome in outcomes:
        text = Text(outcome.message, style="dim" if outcome.state is State.SKIPPED else "")
        if outcome.cure:
            text.append("\n→ ", "green").append(outcome.cure)
        table.add_row(Text(outcome.state.value, style=STYLES[outcome.state]), outcome.name, text)
    console.print(table)
    console.print(_verdict(outcomes))


def _verdict(outcomes: Sequence[Outcome]) -> Text:
    wrong = [outcome.name for outcome in outcomes if outcome.state is State.WRONG]
    unknown = [outcome.name for outcome in outcomes if outcome.state is State.UNKNOWN]
    if wrong:
        return Text(f"wrong: {', '.join(wrong)}", style="bold red")
    if unknown:
        return Text(f"could not be told: {', '.join(unknown)}", style="yellow")
    return Text("all is well", style="bold green")
