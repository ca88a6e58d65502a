"""Judges hostile models within bounds that the kernel keeps: a second of processor time and 200 MB each.

    python -m tests.hostile.bounded

Takes the number of a case on each line of its standard input, and answers each with a line of JSON. Every case is
judged in a fork of this process, made once the model is there: only the verdict is counted. A verdict that takes more
is ended by the kernel, and the answer says so.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping

import tokenizers
from tests.hostile import configs, files, headers, templates
from tests.hostile.case import CASES, Case
from tests.unit.artifact.models import healthy

from outcrop.artifact.examine import examine
from outcrop.artifact.snapshot import ModelSnapshot

CORPUS = (headers, files, configs, templates, tokenizers)
"""Imported to gather the cases, and so that no case pays for loading a library."""

CPU_S = 1
MEMORY_BYTES = 200 * 10**6


def main() -> None:
    """Answers until the end of the input."""
    healthy().examined()
    for line in sys.stdin:
        number = int(line)
        answer = _bounded(_GREEDY[number]) if number < 0 else _judged(CASES[number])
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _judged(case: Case) -> object:
    snapshot = case.model().snapshot()
    return _bounded(lambda: _verdict(snapshot))


def _bounded(work: Callable[[], object]) -> object:
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inlet)
        with os.fdopen(outlet, "w") as answer:
            json.dump(_limited(work), answer)
        os._exit(0)
    os.close(outlet)
    with os.fdopen(inlet) as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0 and told:
        return json.loads(told)
    return {"died": signal.Signals(-code).name if code < 0 else f"exit status {code}"}


def _limited(work: Callable[[], object]) -> object:
    # A fork begins with no processor time of its own; the memory that it shares with its parent is its data already.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    most = _data_bytes() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        return work()
    except MemoryError:
        return {"died": "MemoryError"}


def _verdict(snapshot: ModelSnapshot) -> object:
    report = examine(snapshot)
    return {
        "report": report.to_json(),
        "importable": report.is_importable("bedrock"),
        "texts": [f"{found.file}{found.message}{found.cure}" for found in report.findings],
    }


def _spin() -> object:
    while True:
        pass


_GREEDY: Mapping[int, Callable[[], object]] = {-1: _spin, -2: lambda: bytearray(2 * MEMORY_BYTES).hex()}
"""What breaks the bounds, to show that they hold."""


def _data_bytes() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  # not worth an import
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))


if __name__ == "__main__":
    main()
