"""Writes the documentation that is made from the code: docs/coverage.md.

.venv/bin/python scripts/docs.py            write it
.venv/bin/python scripts/docs.py --check    exit 1 when it is not what the code says
"""

from __future__ import annotations

import sys
from pathlib import Path

from outcrop.api.operations import OPERATIONS
from outcrop.wire.service import CONTROL, RUNTIME, load_operations

COVERAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
TITLES = {CONTROL: "Control plane (`bedrock`)", RUNTIME: "Runtime (`bedrock-runtime`)"}


def coverage() -> str:
    """Returns the page."""
    lines = [
        "# Coverage",
        "",
        "Which of AWS's operations for imported models are answered. Made by `scripts/docs.py` from the table in",
        "`api/operations.py` and botocore's service models; a test fails when it is stale.",
        "",
        "Every member of an answered operation is parsed, and validated as the service model states. Refused, as not",
        "to be had here: `vpcConfig`, keys that the keyring does not hold, guardrails. Without effect here: trace,",
        "latency, service tier and request metadata of InvokeModel.",
    ]
    for service, title in TITLES.items():
        lines += ["", f"## {title}", "", "| operation | request | status | answered |", "| --- | --- | --- | --- |"]
        for operation in load_operations():
            if operation.service == service:
                answered = "yes" if operation.name in OPERATIONS else "not yet"
                request = f"`{operation.method} {operation.path}`"
                lines.append(f"| {operation.name} | {request} | {operation.success_status} | {answered} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        COVERAGE.write_text(coverage())
    elif COVERAGE.read_text() != coverage():
        sys.exit("docs/coverage.md is stale: run scripts/docs.py")
