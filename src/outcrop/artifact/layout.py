"""Which of the weights files make up the model: those that the index names, or the one `model.safetensors`. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.artifact.finding import Finding, Judged, error, note, warning
from outcrop.artifact.index import INDEX, REINDEX, Index, judge_index
from outcrop.artifact.snapshot import MOST_WEIGHT_FILES, ModelSnapshot
from outcrop.artifact.wording import counted, listing, quoted

SINGLE = "model.safetensors"

_SHARD = re.compile(r".+-\d{5,6}-of-\d{5,6}\.safetensors")
_BESIDE: Mapping[re.Pattern[str], str] = {
    re.compile(r"consolidated.*\.safetensors"): "it holds the weights in their maker's own layout",
    re.compile(r"adapter_.*\.safetensors"): "it is an adapter, which is not applied",
    re.compile(r"model\.[A-Za-z0-9_-]+(-\d{5}-of-\d{5})?\.safetensors"): "it is a variant, which is not read here",
}
"""Files that are known to lie beside a model's weights without being part of them."""

INDEX_MISSING = error("index.missing")
"""There are shards and no index that says which tensor is where. Do: upload model.safetensors.index.json."""
SHARD_MISSING = error("index.shard_missing")
"""The index names a shard that is not there. Do: upload it."""
AMBIGUOUS = error("weights.ambiguous")
"""There are two sets of weights, and readers differ in which they take. Do: remove the one that is left over."""
MISNAMED = error("weights.misnamed")
"""There are weights under a name that readers do not look for. Do: rename the file, or save the model again."""
TOO_MANY = error("weights.too_many_files")
"""There are more weights files than any model has. Do: name the prefix of one model."""
UNUSED = warning("weights.unused")
"""A weights file belongs to nothing that is imported. Do: remove it, or save the model again if it is a part of it."""
BESIDE = note("weights.beside")
"""A file of a known kind lies beside the weights without being part of them. Do: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The files that hold the model's tensors."""

    files: tuple[str, ...]
    """In order; all of them exist."""
    index: Index | None = None
    """None for a single file."""
    missing: frozenset[str] = frozenset()
    """Files that the index names and that are not there."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Other weights files → why they are not part of the model."""

    @property
    def place(self) -> str:
        """The file to name when a tensor is in none of them."""
        return INDEX if self.index is not None else self.files[0]


def judge_layout(snapshot: ModelSnapshot, *, model_type: str | None) -> Judged[Layout]:
    """Decides which weights files make up the model; there is at least one at the top level."""
    there = snapshot.weights
    if len(there) > MOST_WEIGHT_FILES:
        found = TOO_MANY.found(
            "",
            f"{len(there):,} weights files are more than any model has; at most {MOST_WEIGHT_FILES:,} are read.",
            cure="Name the prefix of one model, or save it in larger shards.",
        )
        return Judged(None, (found,))
    if INDEX in snapshot.contents:
        judged = judge_index(snapshot.contents[INDEX], model_type=model_type)
        if judged.value is None:
            return Judged(None, judged.findings)
        layout = _indexed(judged.value, there)
        return Judged(layout, (*judged.findings, *_judge_indexed(judged.value, layout)))
    if INDEX in snapshot.sizes:
        return Judged(None)
    return _unindexed(there)


def _indexed(index: Index, there: Sequence[str]) -> Layout:
    named = frozenset(index.files)
    return Layout(
        files=tuple(file for file in there if file in named),
        index=index,
        missing=named - frozenset(there),
        unused={file: _why_beside(file) or "the index does not name it" for file in there if file not in named},
    )


def _judge_indexed(index: Index, layout: Layout) -> Iterator[Finding]:
    if SINGLE in layout.unused and not layout.files:
        yield AMBIGUOUS.found(
            INDEX,
            f"names {counted(len(layout.missing), 'shard')}, none of which is there, beside {SINGLE}: it seems to be "
            "left over from another export, but readers that look at it first fail.",
            cure=f"Remove {INDEX} if {SINGLE} holds the whole model; else upload the shards and remove {SINGLE}.",
            expected=listing(sorted(layout.missing), 3),
            actual=SINGLE,
        )
        return
    for file in sorted(layout.missing):
        tensors = sum(1 for named in index.weight_map.values() if named == file)
        yield SHARD_MISSING.found(
            INDEX,
            f"names the shard {quoted(file)} for {counted(tensors, 'tensor')}, but there is no such file.",
            cure=f"Upload {quoted(file)} beside the index.",
            expected=file,
        )
    if SINGLE in layout.unused:
        yield AMBIGUOUS.found(
            SINGLE,
            f"lies beside {INDEX}, which does not name it: readers differ in which weights they take.",
            cure=f"Remove {SINGLE}, or the index and its shards.",
        )
    yield from _judge_unused({file: why for file, why in layout.unused.items() if file != SINGLE})


def _unindexed(there: Sequence[str]) -> Judged[Layout]:
    if SINGLE in there:
        unused = {file: _why_beside(file) or f"{SINGLE} holds the model" for file in there if file != SINGLE}
        return Judged(Layout(files=(SINGLE,), unused=unused), tuple(_judge_unused(unused)))
    own = [file for file in there if _why_beside(file) is None]
    if len(own) == 1 and not _SHARD.fullmatch(own[0]):
        found = MISNAMED.found(
            own[0],
            f"holds the weights under a name that readers do not look for; they look for {SINGLE}.",
            cure=f"Rename it to {SINGLE}.",
            expected=SINGLE,
            actual=quoted(own[0]),
        )
        return Judged(None, (found,))
    if own:
        found = INDEX_MISSING.found(
            INDEX,
            f"is missing, though the weights are in {counted(len(own), 'file')}: {listing(own, 3)}.",
            cure=REINDEX,
            expected=INDEX,
        )
        return Judged(None, (found,))
    found = MISNAMED.found(
        there[0],
        f"is not what readers look for, which is {SINGLE} or {INDEX}: {_why_beside(there[0])}.",
        cure="Upload the model in the Hugging Face layout: load it with transformers and save it with save_pretrained.",
        expected=SINGLE,
        actual=quoted(there[0]),
    )
    return Judged(None, (found,))


_UNUSED_CURE = (
    "Remove it if it is left over from another export. If it belongs to the model, save the model again: "
    "save_pretrained writes an index that names every shard."
)


def _judge_unused(unused: Mapping[str, str]) -> Iterator[Finding]:
    for file, why in sorted(unused.items()):
        kind = BESIDE if _why_beside(file) is not None else UNUSED
        cure = _UNUSED_CURE if kind is UNUSED else "Nothing; without it, the upload is smaller."
        yield kind.found(file, f"is not imported: {why}.", cure=cure)


def _why_beside(file: str) -> str | None:
    return next((why for pattern, why in _BESIDE.items() if pattern.fullmatch(file)), None)
