"""Whether a model has exactly the tensors that its configuration stands for, by name and shape. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from outcrop.artifact.architectures.family import Expected, Family, Table
from outcrop.artifact.fields import Fields
from outcrop.artifact.finding import Finding, Kind, Severity, error
from outcrop.artifact.safetensors import Header, Tensor
from outcrop.artifact.sizing import EMBEDDINGS, Sizing, compare_sizes
from outcrop.artifact.wording import counted, listing, quoted, shape

MOST_TENSORS = 100_000
"""The most of any supported model are 37,000; a configuration of more is an attack, or a slip of digits."""

MOST_NAMED = 100
"""Tensors that are named of each kind of trouble; a report lists fewer still."""

TOO_MANY = error("config.too_many_tensors")
"""config.json stands for more tensors than any model has. Do: correct its numbers of layers and experts."""
MISSING = error("tensor.missing")
"""A tensor that config.json stands for is not there. Do: export the whole model again, or correct config.json."""
UNEXPECTED = error("tensor.unexpected")
"""There is a tensor that config.json does not stand for. Do: correct config.json, or remove the tensor."""
MISSHAPEN = error("tensor.misshapen")
"""A tensor has another shape than config.json gives it. Do: correct config.json, or export the model again."""
UNKNOWN_PART = Kind("tensor.unknown_part", Severity.WARNING, Severity.ERROR)
"""There is a tensor of a part that the architecture does not have. Do: remove it, or correct config.json."""
WRAPPED = error("tensor.wrapped_names")
"""A training tool left a prefix on every name. Do: save the model itself, not what wraps it."""
ADAPTED = error("tensor.adapter")
"""Tensors of an adapter are among the weights. Do: merge it (PEFT's merge_and_unload) and save again."""
QUANTISED = error("tensor.quantised")
"""Tensors of a quantising tool are among the weights. Do: import the model as it was before."""
VARIANT = Kind("tensor.other_layout", Severity.NOTE, Severity.ERROR)
"""The tensors are in a layout that the engine reads and AWS may not; for MXFP4 only a warning. Do: save it in the
original layout."""

_WRAPPERS: Mapping[str, str] = {
    "_orig_mod.": "Save the model itself, not what torch.compile returned around it.",
    "module.": "Save the model itself, not DataParallel's wrapper around it.",
    "base_model.model.": "Merge the adapter (PEFT's merge_and_unload) and save the merged model.",
    "_fsdp_wrapped_module.": "Gather FSDP's full state dict and save the model from that.",
}
"""Prefixes that training tools leave on every name, and how each is avoided."""

_TELLTALES: Sequence[tuple[Kind, re.Pattern[str], str, str]] = (
    (
        ADAPTED,
        re.compile(r"\.(lora_|base_layer\.|modules_to_save\.)"),
        "of an adapter that was not merged",
        "Merge the adapter (PEFT's merge_and_unload) and save the merged model.",
    ),
    (
        QUANTISED,
        re.compile(r"\.(qweight|qzeros|scales|g_idx|absmax|quant_map|quant_state|weight_scale|input_scale|biases)\b"),
        "of quantised weights",
        "Import the model in 16 bits, as it was before it was quantised.",
    ),
)
"""Names that nothing but a training or quantising tool leaves: each is told once, with what goes with it."""

_EXPORT = "Export the whole model again, or correct config.json if it is of another model."


@dataclass(frozen=True, slots=True)
class Tensors:
    """All tensors of a model, and the file of each."""

    by_name: Mapping[str, Tensor]
    files: Mapping[str, str]

    @classmethod
    def of(cls, headers: Mapping[str, Header]) -> Tensors:
        """Joins the headers of the weights files."""
        by_name: dict[str, Tensor] = {}
        files: dict[str, str] = {}
        for file, header in headers.items():
            by_name.update(header.tensors)
            files.update(dict.fromkeys(header.tensors, file))
        return cls(by_name, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """The layout of a family that a model has, or comes nearest to."""

    expected: Mapping[str, Expected]
    findings: tuple[Finding, ...] = ()

    @property
    def parameters(self) -> int:
        """How many parameters the configuration stands for."""
        return sum(tensor.parameters for tensor in self.expected.values())


def fit_layout(family: Family, config: Fields, tensors: Tensors, *, place: str) -> Fitting:
    """Chooses the layout that fits best; what `config` gathers as findings must be told by the caller."""
    best = Fitting(expected=_expand(family.table, config))
    if len(best.expected) > MOST_TENSORS:
        too_many = TOO_MANY.found(
            "config.json",
            f"stands for more than {MOST_TENSORS:,} tensors, which no model of this family has.",
            cure="Correct the numbers of layers and experts in config.json.",
        )
        return Fitting(expected={}, findings=(too_many,))
    lacking = _lacking(best, tensors)
    for variant in family.variants if lacking else ():
        found = VARIANT.found(place, variant.message, cure=variant.cure, bedrock=variant.bedrock)
        other = Fitting(expected=_expand(variant.table, config), findings=(found,))
        is_told_by_names = any(name in other.expected and name not in best.expected for name in tensors.by_name)
        if is_told_by_names and _lacking(other, tensors) < lacking:
            best, lacking = other, _lacking(other, tensors)
    return best


def judge_tensors(
    fitting: Fitting, family: Family, tensors: Tensors, *, lost: frozenset[str], place: str
) -> Iterator[Finding]:
    """Names every tensor that is missing, unexpected or misshapen.

    `lost` are tensors of files that have findings of their own; `place` is the file that a missing tensor is told of.
    """
    expected, there = fitting.expected, tensors.by_name
    wrapper = next((prefix for prefix in _WRAPPERS if _is_wrapped(prefix, expected, there)), None)
    if wrapper is not None:
        yield WRAPPED.found(
            place,
            f"has names that begin with {quoted(wrapper)}, which a training tool left there.",
            cure=_WRAPPERS[wrapper],
            actual=wrapper,
        )
        return
    missing = [
        wanted for name, wanted in expected.items() if wanted.is_required and name not in there and name not in lost
    ]
    telltales = dict(_telltales(expected, tensors))
    yield from telltales
    told = frozenset(name for names in telltales.values() for name in names)
    if len(told) >= len(missing) > 0:
        # A tool's tensors are there in place of the model's own: naming each of those helps nobody.
        return
    sizing = compare_sizes(expected, there)
    yield from (_missing(wanted, place, sizing) for wanted in missing[:MOST_NAMED])
    yield from _rest(MISSING, place, len(missing), "lacks")
    misshapen = [wanted for name, wanted in expected.items() if name in there and there[name].shape != wanted.shape]
    yield from (
        _misshapen(wanted, there[wanted.name], tensors.files[wanted.name], sizing) for wanted in misshapen[:MOST_NAMED]
    )
    yield from _rest(MISSHAPEN, place, len(misshapen), "has other shapes in")
    parts = {name.partition(".")[0] for name in expected}
    unexpected: dict[Kind, list[str]] = {UNEXPECTED: [], UNKNOWN_PART: []}
    for name in there:
        if name not in expected and name not in told and not family.ignorable.fullmatch(name):
            unexpected[UNEXPECTED if name.partition(".")[0] in parts else UNKNOWN_PART].append(name)
    for kind, names in unexpected.items():
        yield from (_unexpected(kind, name, there[name], tensors.files[name], sizing) for name in names[:MOST_NAMED])
        yield from _rest(kind, place, len(names), "holds")


def judge_names(tensors: Tensors) -> Iterator[Finding]:
    """Judges the names of an architecture without a table: an adapter that was not merged leaves its own anywhere."""
    yield from (found for found, _ in _telltales({}, tensors) if found.id == ADAPTED.id)


def _telltales(expected: Mapping[str, Expected], tensors: Tensors) -> Iterator[tuple[Finding, Sequence[str]]]:
    """Gives a finding for each tool that left its tensors, and their names."""
    for kind, pattern, what, cure in _TELLTALES:
        telling = [name for name in tensors.by_name if name not in expected and pattern.search(name)]
        if telling:
            found = kind.found(
                tensors.files[telling[0]],
                f"holds {counted(len(telling), 'tensor')} {what}, such as {quoted(telling[0])}.",
                cure=cure,
                expected="the model's own tensors",
                actual=listing(telling, 3),
            )
            yield found, telling


def _rest(kind: Kind, place: str, count: int, verb: str) -> Iterator[Finding]:
    """Tells how many more there are than were named."""
    if count > MOST_NAMED:
        yield kind.found(
            place, f"{verb} {count - MOST_NAMED:,} more tensors besides those that are named.", cure=_EXPORT
        )


def _expand(table: Table, config: Fields) -> Mapping[str, Expected]:
    return {tensor.name: tensor for tensor in islice(table(config), MOST_TENSORS + 1)}


def _lacking(fitting: Fitting, tensors: Tensors) -> int:
    return sum(1 for name, tensor in fitting.expected.items() if tensor.is_required and name not in tensors.by_name)


def _is_wrapped(prefix: str, expected: Mapping[str, Expected], there: Mapping[str, Tensor]) -> bool:
    wrapped = sum(1 for name in there if name.removeprefix(prefix) in expected and name not in expected)
    return wrapped * 2 > len(there)


def _missing(tensor: Expected, place: str, sizing: Sizing) -> Finding:
    cure = sizing.layers_cure(tensor.name) or _EXPORT
    if tensor.name.endswith("lm_head.weight"):
        cure = 'If the head shares the embeddings, set "tie_word_embeddings": true in config.json; else export again.'
    return MISSING.found(
        place,
        f"lacks tensor {quoted(tensor.name)} of shape {shape(tensor.shape)}.",
        cure=cure,
        expected=shape(tensor.shape),
    )


def _misshapen(tensor: Expected, there: Tensor, file: str, sizing: Sizing) -> Finding:
    cure = sizing.width_cure() or _EXPORT
    is_vocabulary = tensor.name.endswith((*EMBEDDINGS, "lm_head.weight"))
    if is_vocabulary and there.shape[1:] == tensor.shape[1:]:
        cure = f'If the vocabulary was changed, set "vocab_size": {there.shape[0]} in config.json.'
    return MISSHAPEN.found(
        file,
        f"holds tensor {quoted(tensor.name)} of shape {shape(there.shape)}, not {shape(tensor.shape)}.",
        cure=cure,
        expected=shape(tensor.shape),
        actual=shape(there.shape),
    )


def _unexpected(kind: Kind, name: str, tensor: Tensor, file: str, sizing: Sizing) -> Finding:
    cure = sizing.layers_cure(name) or (
        "Correct config.json if the model has this part; else remove the tensor and save the model again."
    )
    return kind.found(
        file,
        f"holds tensor {quoted(name)} of shape {shape(tensor.shape)}, which config.json does not stand for.",
        cure=cure,
        actual=shape(tensor.shape),
    )
