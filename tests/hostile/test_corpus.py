"""Every hostile model is refused by the expected findings, in bounded time and memory, and in words that print."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hostile import configs, files, headers, templates
from tests.hostile.case import CASES

from outcrop.artifact.selection import select

CORPUS = (headers, files, configs, templates)
"""Importing these gathers the cases."""

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=range(len(CASES)), ids=lambda number: CASES[number].name)
def number(request: pytest.FixtureRequest) -> int:
    """Each case of the corpus."""
    found: int = request.param
    return found


@pytest.fixture(scope="module")
def bounded() -> Iterator[Callable[[int], dict[str, Any]]]:
    """Judges a case within a second of processor time and 200 MB, which the kernel keeps (bounded.py)."""
    command = [sys.executable, "-m", "tests.hostile.bounded"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(number: int) -> dict[str, Any]:
            stdin.write(f"{number}\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
            return answer

        yield ask
        stdin.close()


def test_it_is_refused_in_bounded_time_and_memory(number: int, bounded: Callable[[int], dict[str, Any]]) -> None:
    """By each of its findings, with nothing raised, and with a report that is small and printable."""
    answer = bounded(number)

    assert "died" not in answer, answer
    assert CASES[number].findings <= {found["id"] for found in answer["report"]["findings"]}
    assert not answer["importable"]
    assert len(json.dumps(answer["report"], allow_nan=False)) < 100_000
    assert all(text.isprintable() for text in answer["texts"])


def test_the_bounds_are_kept_by_the_kernel(bounded: Callable[[int], dict[str, Any]]) -> None:
    """What would take more is ended: the bounds of the other tests are real. Negative numbers ask for it."""
    assert bounded(-1)["died"] == "SIGKILL"
    assert bounded(-2)["died"] == "MemoryError"


def test_what_it_plays_tricks_with_is_never_taken(number: int) -> None:
    """Selection holds by itself, whatever the verdict was."""
    selection = select(CASES[number].model().snapshot())

    assert not any(".." in path or "\\" in path or path.startswith("/") or "\0" in path for path in selection.taken)
    assert not any(path.endswith((".py", ".bin", ".pkl")) for path in selection.taken)
