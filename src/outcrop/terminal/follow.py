"""Follows an import live: its stage, bytes, rate and time left, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

ENDS = ("Completed", "Failed")
MOVING_BYTES = ("Copy", "Verify")
POLL_S = 0.2


def follow(progress_of: Callable[[], Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    """Shows a job until it ends; returns its last state. On a terminal as live bars, elsewhere as a line a stage."""
    show = _show_bars if console.is_terminal else _show_lines
    state = show(progress_of, console)
    seconds = sum(entry["seconds"] for entry in state["stages"])
    _tell_end(state, seconds, console)
    return state


def _show_lines(progress_of: Callable[[], Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    told = 0
    while True:
        state = progress_of()
        over = state["stages"][:-1]
        for entry in over[told:]:
            console.print(f"  {entry['stage']:<8} {entry['seconds']:8.3f} s", highlight=False)
        told = len(over)
        if state["status"] != "InProgress":
            return state
        time.sleep(POLL_S)


def _show_bars(progress_of: Callable[[], Mapping[str, Any]], console: Console) -> Mapping[str, Any]:
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[bytes]:>22}"),
        TextColumn("{task.fields[rate]:>12}"),
        TextColumn("{task.fields[time]:>14}"),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:
        while True:
            state = progress_of()
            for number, entry in enumerate(state["stages"]):
                stage = entry["stage"]
                if stage in ENDS:
                    continue
                if stage not in bars:
                    bars[stage] = progress.add_task(stage, total=None, bytes="", rate="", time="")
                is_over = number < len(state["stages"]) - 1
                progress.update(bars[stage], **(_over if is_over else _running)(state, entry))
            if state["status"] != "InProgress":
                return state
            time.sleep(POLL_S)


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
    if entry["stage"] not in MOVING_BYTES or not total:
        return {"total": None, "time": f"{entry['seconds']:.1f} s"}
    return {
        "total": total,
        "completed": state["bytesDone"],
        "bytes": f"{decimal(state['bytesDone'])} of {decimal(total)}",
        "rate": "" if rate is None else f"{decimal(rate)}/s",
        "time": "" if left is None else f"{left:,.0f} s left",
    }


def _tell_end(state: Mapping[str, Any], seconds: float, console: Console) -> None:
    name = state["importedModelName"]
    if state["status"] == "Completed":
        console.print(
            Text.assemble(("Completed", "bold green"), f" in {seconds:.1f} s: {name} is ready to be invoked.")
        )
    else:
        console.print(Text.assemble(("Failed", "bold red"), f" after {seconds:.1f} s: {state['failureMessage']}"))
