"""All weights of a model together: which files, what their headers say, and whether they agree with the index. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.artifact.finding import Finding, Judged, error
from outcrop.artifact.layout import Layout, judge_layout
from outcrop.artifact.safetensors import Header, judge
from outcrop.artifact.shards import judge_shards
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.tensors import MOST_TENSORS, Tensors

TOO_MANY_TENSORS = error("weights.too_many_tensors")
"""There are more tensors than any model has. Do: name the prefix of one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weights as far as they could be read."""

    layout: Layout
    tensors: Tensors
    lost: frozenset[str]
    """Tensors that the index places in files that are missing or could not be read: told of there, not again."""
    size_bytes: int


def judge_weights(snapshot: ModelSnapshot, *, model_type: str | None) -> Judged[Weights]:
    """Judges the weights files; there is a value as soon as one of them could be read."""
    judged = judge_layout(snapshot, model_type=model_type)
    findings = list(judged.findings)
    layout = judged.value
    if layout is None:
        return Judged(None, tuple(findings))
    headers: dict[str, Header] = {}
    count = 0
    for file in layout.files:
        header = judge(file, snapshot.heads.get(file, b""), snapshot.size(file))
        findings.extend(header.findings)
        if header.value is not None:
            headers[file] = header.value
            count += len(header.value.tensors)
        if count > MOST_TENSORS:
            findings.append(_too_many(file))
            return Judged(None, tuple(findings))
    findings.extend(judge_shards(layout, headers))
    if not headers:
        return Judged(None, tuple(findings))
    placed = layout.index.weight_map if layout.index is not None else {}
    weights = Weights(
        layout=layout,
        tensors=Tensors.of(headers),
        lost=frozenset(tensor for tensor, file in placed.items() if file not in headers),
        size_bytes=sum(snapshot.size(file) for file in layout.files),
    )
    return Judged(weights, tuple(findings))


def _too_many(file: str) -> Finding:
    return TOO_MANY_TENSORS.found(
        file,
        f"brings the model to more than {MOST_TENSORS:,} tensors, which no model has.",
        cure="Name the prefix of one model, and save it with save_pretrained.",
    )
