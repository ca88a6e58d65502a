"""Shows an import live: its stages, bytes, rate and time left, until it ends. On a terminal as bars, else as lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

ENDS = ("Completed", "Failed")
MOVING_BYTES = ("Copy", "Verify")


def follow(states: Iterator[Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    """Shows a job's states until the last, and returns that; each is what `GET /outcrop/import-jobs/…` answers."""
    state = (_show_bars if console.is_terminal else _show_lines)(states, console)
    seconds = sum(entry["seconds"] for entry in state["stages"])
    _tell_end(state, seconds, console)
    return state


def _show_lines(states: Iterator[Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    told = 0
    state: Mapping[str, Any] = {}
    for state in states:  # the last one is what the job came to
        over = state["stages"][:-1]
        for entry in over[told:]:
            console.print(f"  {entry['stage']:<8} {entry['seconds']:8.3f} s", highlight=False)
        told = len(over)
    return state


class _Seconds(ProgressColumn):
    """The time that a stage took or has left, or, where nobody knows, has taken so far, counted on between states."""

    def render(self, task: Task) -> Text:
        """Draws it."""
        text = task.fields["time"]
        if text is None:
            text = f"{task.fields['seconds'] + time.monotonic() - task.fields['at']:.1f} s"
        return Text(f"{text:>14}")


def _show_bars(states: Iterator[Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[bytes]:>22}"),
        TextColumn("{task.fields[rate]:>12}"),
        _Seconds(),
    )
    bars: dict[str, TaskID] = {}
    state: Mapping[str, Any] = {}
    with Progress(*columns, console=console) as progress:
        for state in states:
            for number, entry in enumerate(state["stages"]):
                stage = entry["stage"]
                if stage in ENDS:
                    continue
                if stage not in bars:
                    bars[stage] = progress.add_task(stage, total=None, bytes="", rate="", time="")
                is_over = number < len(state["stages"]) - 1
                progress.update(bars[stage], **(_over if is_over else _running)(state, entry))
    return state


def _over(state: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the bar of a stage shows once another has followed."""
    seconds, total = entry["seconds"], state["bytesTotal"]
    shown = {"total": 1, "completed": 1, "bytes": "", "rate": "", "time": f"{seconds:.1f} s"}
    if entry["stage"] in MOVING_BYTES and total and seconds:
        shown |= {"bytes": decimal(total), "rate": f"{decimal(round(total / seconds))}/s"}
    return shown


def _running(state: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the bar of the present stage shows."""
    rate, left, total = state["bytesPerSecond"], state["etaSeconds"], state["bytesTotal"]
    shown = {"total": None, "time": None, "seconds": entry["seconds"], "at": time.monotonic()}
    if entry["stage"] not in MOVING_BYTES or not total:
        return shown
    return shown | {
        "total": total,
        "completed": state["bytesDone"],
        "bytes": f"{decimal(state['bytesDone'])} of {decimal(total)}",
        "rate": "" if rate is None else f"{decimal(rate)}/s",
        "time": None if left is None else f"{left:,.0f} s left",
    }


def _tell_end(state: Mapping[str, Any], seconds: float, console: Console) -> None:
    name = state["importedModelName"]
    if state["status"] == "Completed":
        console.print(
            Text.assemble(("Completed", "bold green"), f" in {seconds:.1f} s: {name} is ready to be invoked.")
        )
    else:
        console.print(Text.assemble(("Failed", "bold red"), f" after {seconds:.1f} s: {state['failureMessage']}"))
