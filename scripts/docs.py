"""Writes the documentation that is made from the code: docs/coverage.md, findings.md and metrics.md.

.venv/bin/python scripts/docs.py            write it
.venv/bin/python scripts/docs.py --check    exit 1 when it is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

from finding_kinds import catalogue
from outcrop.api.operations import OPERATIONS
from outcrop.artifact.finding import Kind
from outcrop.imports.failure import FailureCause
from outcrop.records.measures import MEASURES
from outcrop.wire.service import CONTROL, RUNTIME, load_operations

DOCS = Path(__file__).resolve().parents[1] / "docs"
TITLES = {CONTROL: "Control plane (`bedrock`)", RUNTIME: "Runtime (`bedrock-runtime`)"}

GROUPS = {
    "architecture": "The architecture",
    "config": "config.json",
    "file": "Small files",
    "fit": "Memory",
    "generation": "generation_config.json",
    "index": "The index of sharded weights",
    "limit": "AWS's limits",
    "path": "Paths",
    "source": "What else lies there",
    "template": "The chat template",
    "tensor": "Tensors",
    "tokenizer": "The tokenizer",
    "weights": "Weights files",
}
FAILURES = (
    ("config.json is not found (F4)", "`config.missing`, with what lies there in its place"),
    ("an archive is given as the source (F5)", "`source.archive`"),
    ("`TokenizersBackend` (F6)", "`tokenizer.newer_class`"),
    (
        "`rope_parameters`: imported silently, long output degenerates (F7)",
        "`config.rope_parameters`; more of transformers 5: `config.dtype_name`, `config.num_local_experts`",
    ),
    (
        "other files of transformers 5 that version 4 misreads",
        "`config.nested_text_config`, `config.scale_decoder_outputs`, `tokenizer.extra_special_tokens`",
    ),
    ("GPT-OSS: the index's metadata (F8)", "`index.no_metadata`, `index.extra_metadata`"),
    ("GPT-OSS: a stale generation_config.json (F9)", "`generation.gpt_oss_ends`"),
    ("GPT-OSS: the metal/ folder (F10)", "`source.metal_folder`"),
    ("shards without their index (F11)", "`index.missing`"),
    ("an unsupported architecture (F12)", "`architecture.unsupported`, `architecture.beyond_bedrock`"),
    (
        "quantised weights: GGUF, AWQ, GPTQ, FP8, MLX (F13)",
        "`weights.gguf`, `config.quantised`, `tensor.quantised`, `tensor.precision`",
    ),
    ("an adapter only (F14)", "`source.adapter`, `tensor.adapter`"),
    ("no chat template, or one of a wrong form (F18)", "`template.missing`, `template.wrong_form` and its kin"),
    (
        "the role, the bucket, the quota, the name, the Region (F1, F2, F3, F15, F16, F17, F19, F21)",
        "not of the model: the request is refused, or `failureMessage` says which call was denied",
    ),
    ("polling, and knowing why (F20, F22)", "the report itself, and `GET /outcrop/import-jobs/{name or ARN}`"),
)
"""What users of Bedrock met when they imported (SPEC 12A), and where it is told here."""


def coverage() -> str:
    """Returns the page of operations."""
    lines = [
        "# Coverage",
        "",
        "Which of AWS's operations for imported models are answered. Made by `scripts/docs.py` from the table in",
        "`api/operations.py` and botocore's service models; a test fails when it is stale.",
        "",
        "Every member of an answered operation is parsed, and validated as the service model states. Refused, as not",
        "to be had here: subnets and security groups that `--networks` does not have, keys that the keyring does not",
        "hold, guardrails. Without effect here: trace, latency, service tier and request metadata of InvokeModel.",
    ]
    for service, title in TITLES.items():
        lines += ["", f"## {title}", "", "| operation | request | status | answered |", "| --- | --- | --- | --- |"]
        for operation in load_operations():
            if operation.service == service:
                answered = "yes" if operation.name in OPERATIONS else "not yet"
                request = f"`{operation.method} {operation.path}`"
                lines.append(f"| {operation.name} | {request} | {operation.success_status} | {answered} |")
    return "\n".join(lines) + "\n"


def findings() -> str:
    """Returns the page of findings."""
    lines = [
        "# Findings",
        "",
        "Everything that `outcrop check`, and the check stage of an import, can say of a model: made by",
        "`scripts/docs.py` from the declarations in `artifact/`; a test fails when it is stale. Ids are stable. A",
        "finding itself names the file, what was expected and what is there ([report.md](report.md)). An *error* stops",
        "an import, a *warning* and a *note* do not. Where there are two, the first is for what Outcrop's engine runs,",
        "the second for what AWS imports.",
    ]
    for group, entries in groupby(catalogue(), key=lambda entry: entry.kind.id.partition(".")[0]):
        lines += ["", f"## {GROUPS[group]}", "", "| id | severity | what it means | what to do |"]
        lines += ["| --- | --- | --- | --- |"]
        lines += [
            f"| `{entry.kind.id}` | {_severity(entry.kind)} | {entry.meaning} | {entry.cure} |" for entry in entries
        ]
    lines += ["", "## What users of Bedrock met", "", "| what happened | what tells it here |", "| --- | --- |"]
    lines += [f"| {what} | {where} |" for what, where in FAILURES]
    return "\n".join(lines) + "\n"


def _severity(kind: Kind) -> str:
    same = kind.outcrop is kind.bedrock
    return kind.outcrop.value if same else f"{kind.outcrop.value}, {kind.bedrock.value}"


def metrics() -> str:
    """Returns the page of metrics."""
    lines = [
        "# Metrics",
        "",
        "Made by `scripts/docs.py` from the list in `records/measures.py`; a test fails when it is stale. A server has",
        "them at `GET /metrics`, a worker on loopback with `--metrics-port`; the gauges are the server's only, and",
        "absent while what they tell of is away. No label holds a name of a model, a job or an account. What is worth",
        "an alert: [operations.md](operations.md).",
        "",
        "| metric | type | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.meaning} |"
        for each in MEASURES
    ]
    lines += ["", "Causes of failed imports: " + ", ".join(f"`{cause}`" for cause in FailureCause) + "."]
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "coverage.md": coverage,
    "findings.md": findings,
    "metrics.md": metrics,
}


if __name__ == "__main__":
    for name, made in PAGES.items():
        if "--check" not in sys.argv:
            (DOCS / name).write_text(made())
        elif not (DOCS / name).exists() or (DOCS / name).read_text() != made():
            sys.exit(f"docs/{name} is stale: run scripts/docs.py")
