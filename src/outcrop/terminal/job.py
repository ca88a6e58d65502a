"""One import as it stands: `outcrop jobs show`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from outcrop.app.connect import Server
from outcrop.terminal.tables import STYLES, table


def show_job(server: Server, job: str, *, as_json: bool) -> None:
    """Prints what is known of a job. Raises RequestError, UnavailableError."""
    state = server.progress(job)
    if as_json:
        print(json.dumps(state, indent=2))  # noqa: T201  # what the flag is for
        return
    # Without markup: what a model calls itself may hold brackets.
    print_job(state, Console(markup=False, highlight=False))


def print_job(state: Mapping[str, Any], console: Console) -> None:
    """Prints a job's state for people."""
    console.print(Text.assemble((state["jobName"], "bold"), "  ", (state["status"], STYLES[state["status"]])))
    facts = table("", "")
    facts.show_header = False
    for name, value in _facts(state):
        facts.add_row(name, value)
    console.print(facts)
    stages = table("stage", "began", "seconds")
    for entry in state["stages"]:
        stages.add_row(entry["stage"], entry["startTime"][:19].replace("T", " "), f"{entry['seconds']:.3f}")
    console.print(stages)
    if state["failureMessage"]:
        console.print(Text(state["failureMessage"], style="red"))


def _facts(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("arn", state["jobArn"]), ("model", state["importedModelName"])]
    if state["worker"] is not None:
        facts.append(("worker", f"{state['worker']}, attempt {state['attempts']} of this stage"))
    if state["bytesTotal"]:
        facts.append(("bytes", f"{decimal(state['bytesDone'])} of {decimal(state['bytesTotal'])} in {state['stage']}"))
    if state["bytesPerSecond"] is not None:
        facts.append(("rate", f"{decimal(state['bytesPerSecond'])}/s"))
    if state["etaSeconds"] is not None:
        facts.append(("left", f"{state['etaSeconds']:,.0f} s of this stage"))
    report = state["report"] or {}
    for profile, verdict in report.get("verdicts", {}).items():
        counts = f"{verdict['errors']} errors, {verdict['warnings']} warnings, {verdict['notes']} notes"
        facts.append((profile, f"{'importable' if verdict['importable'] else 'not importable'} ({counts})"))
    ignored = report.get("ignored", {})
    facts += [("not copied", f"{path}: {why}") for path, why in ignored.items()]
    webhook = state["webhook"]
    if webhook is not None:
        problem = f"; {webhook['problem']}" if webhook["problem"] else ""
        facts.append(("webhook", f"{webhook['state']} after {webhook['attempts']} attempts{problem}"))
    return facts
