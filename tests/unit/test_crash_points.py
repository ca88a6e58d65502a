"""The list of crash points, held against the source, and what makes a point do something."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop import crash_points
from outcrop.crash_points import CrashPoint, reached, watch

SOURCE = Path(crash_points.__file__).parent


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yields each call in a module, with the function that it is in."""

    def within(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield ".".join(names), child
            is_named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            yield from within(child, (*names, child.name) if is_named else names)

    yield from within(ast.parse(path.read_text()), ())


def name_of(call: ast.Call) -> str:
    """The last name of what is called."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_each_point_is_at_its_place_and_nowhere_else() -> None:
    """So the list can be read in place of the source."""
    placed: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for function, call in calls(path):
            if name_of(call) == "reached" and path.parts[-2] != "testing":
                placed.setdefault(ast.unparse(call.args[0]), []).append(f"{path.relative_to(SOURCE)}:{function}")

    assert placed == {f"CrashPoint.{point.name}": [point.place] for point in CrashPoint}


def test_every_commit_of_the_catalog_has_a_point() -> None:
    """A new transaction in the catalog gets a name, and with it a kill."""
    without = []
    for path in (SOURCE / "adapters" / "catalog_sql").rglob("*.py"):
        found = list(calls(path))
        ends = {function for function, call in found if name_of(call) == "reached"}
        commits = {function for function, call in found if name_of(call) in ("transaction", "transaction_here")}
        without += [f"{path.name}:{function}" for function in commits - ends]

    assert without == []


def test_every_sync_of_the_vault_has_a_point() -> None:
    """And so has every name that a file takes."""
    found = [each for name in ("vault_local.py", "local_files.py") for each in calls(SOURCE / "adapters" / name)]
    ends = {function for function, call in found if name_of(call) == "reached"}
    syncing = {"fsync", "fdatasync", "sync_file", "sync_folder", "replace", "rename"}
    syncs = {function for function, call in found if name_of(call) in syncing} - {"sync_file", "sync_folder"}

    assert syncs
    assert syncs <= ends


def test_each_point_says_what_is_true_there() -> None:
    """In one sentence of its own."""
    assert all(point.state.endswith(".") for point in CrashPoint)
    assert len({point.state for point in CrashPoint}) == len(CrashPoint)


def test_points_do_nothing_by_themselves() -> None:
    """Whatever the environment says."""
    program = "from outcrop.crash_points import *\nfor point in CrashPoint: reached(point)\nprint('lives')"
    variables = {f"OUTCROP_{name}": "job-created" for name in ("CRASH_AT", "CRASH_POINT", "CRASH")}

    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "lives\n"


def test_a_watcher_sees_points_as_they_are_reached() -> None:
    """Each with its detail, and none once it no longer watches."""
    seen: list[tuple[CrashPoint, str]] = []
    watch(lambda point, detail: seen.append((point, detail)))
    try:
        reached(CrashPoint.STEP_DONE, "plan")
    finally:
        watch(None)
    reached(CrashPoint.STEP_DONE, "check")

    assert seen == [(CrashPoint.STEP_DONE, "plan")]


@pytest.mark.parametrize("point", [CrashPoint.JOB_CREATED, CrashPoint.STEP_DONE])
def test_an_armed_point_ends_the_process_at_its_occasion(point: CrashPoint) -> None:
    """By SIGKILL, and at no other point, detail or time."""
    program = (
        "import sys\nfrom outcrop.crash_points import *\nfrom outcrop.testing.crashes import kill_at\n"
        f"kill_at(CrashPoint.{point.name}, 'copy', occasion=2)\n"
        "for other in CrashPoint: reached(other, 'plan')\n"
        f"reached(CrashPoint.{point.name}, 'copy'); print('once', flush=True)\n"
        f"reached(CrashPoint.{point.name}, 'copy'); print('twice', flush=True)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (-9, "once\n")
