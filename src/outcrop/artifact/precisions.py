"""Whether the weights are in number formats that can be served. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from outcrop.artifact.architectures.family import Expected
from outcrop.artifact.finding import Finding, Kind, Severity, error, note
from outcrop.artifact.tensors import Tensors
from outcrop.artifact.wording import counted, quoted

SERVED = frozenset({"F16", "BF16", "F32"})
"""What AWS takes (SPEC 4.3.3)."""

_WIDE = frozenset({"F32", "F64"})

CONVERTED = frozenset({"F64"})
"""What engines turn into one of those on loading."""

WRONG = error("tensor.precision")
"""Tensors are in a number format that is not served. Do: save the model in bfloat16."""
UNUSUAL = Kind("tensor.unusual_precision", Severity.WARNING, Severity.ERROR)
"""Tensors are in a number format that the engine may convert and AWS does not take. Do: save the model in bfloat16."""

WIDE = note("tensor.wide")
"""The weights are mostly in 32 bits or more. Do: save them in bfloat16, if the model was trained in that."""

_CURE = "Save the model in bfloat16 or float16: the original, if this one was quantised."


def judge_precisions(tensors: Tensors, expected: Mapping[str, Expected] | None) -> Iterator[Finding]:
    """Judges the formats of the tensors that a table names, or of all where there is no table; one finding a format."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, tensor in tensors.by_name.items():
        if expected is None or (name in expected and expected[name].packed_values is None):
            names[tensor.dtype].append(name)
    for dtype in sorted(set(names) - SERVED):
        first, count = names[dtype][0], len(names[dtype])
        # Without a table, integers may be buffers that belong there; engines will tell.
        kind = UNUSUAL if dtype in CONVERTED or expected is None else WRONG
        yield kind.found(
            tensors.files[first],
            f"holds {counted(count, 'tensor')} in {dtype}, such as {quoted(first)}; F16, BF16 and F32 are served.",
            cure=_CURE,
            expected="F16, BF16 or F32",
            actual=dtype,
        )


def judge_width(tensors: Tensors) -> Iterator[Finding]:
    """Tells of weights that are mostly in 32 bits or more; a few such tensors, as of norms, are usual."""
    precisions = precisions_of(tensors)
    if precisions and precisions[0] in _WIDE:
        yield WIDE.found(
            "",
            f"The weights are mostly in {precisions[0]}: they take at least twice the space and memory of 16 bits.",
            cure="Save the model in bfloat16, if it was trained in that.",
            expected="BF16 or F16",
            actual=", ".join(precisions),
        )


def precisions_of(tensors: Tensors) -> tuple[str, ...]:
    """Returns the formats of a model, most bytes first."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for tensor in tensors.by_name.values():
        sizes[tensor.dtype] += tensor.size_bytes
    return tuple(sorted(sizes, key=lambda dtype: (-sizes[dtype], dtype)))
