"""What the operations that chat templates use can grow a value to, foreseen before they are run. Pure."""

import re
import sys
from collections.abc import Callable, Mapping, Sized
from typing import Any

from outcrop.artifact.metering import LONGEST_INTEGER_BITS, LimitReachedError

FILTERS = frozenset({
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape",
    "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe",
    "select", "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique",
    "upper", "wordcount",
})  # fmt: skip
"""Jinja's filters but for those that no chat template needs and whose cost is not plain."""

METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset({
        "capitalize", "center", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii",
        "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
        "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace",
        "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
        "strip", "swapcase", "title", "upper", "zfill",
    }),
    dict: frozenset({"copy", "get", "items", "keys", "values"}),
    list: frozenset({"copy", "count", "index"}),
    tuple: frozenset({"count", "index"}),
}  # fmt: skip
"""The methods of built-in values that are run."""

_MOST_DIGITS = 20
_BOUNDLESS = sys.maxsize

_WIDTH = re.compile(r"%[^%a-zA-Z]*(\d{4}|\*)|\{[^{}]*(\d{4}|\{)")
"""In a format: a width of thousands, a width from an argument, a format within a format."""


def require_bounded_format(text: str) -> None:
    """Raises LimitReachedError for a format that could pad without bounds."""
    if _WIDTH.search(text):
        raise LimitReachedError("it formats with a width that could be anything")


def require_bounded_result(operator: str, left: Any, right: Any, *, require_small: Callable[[int], None]) -> None:
    """Raises LimitReachedError when an operator would make a large value of small ones."""
    if operator == "%" and isinstance(left, str):
        require_bounded_format(left)
    elif operator == "*":
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Sized) and isinstance(other, int):
                require_small(len(one) * max(other, 0))
    elif operator == "**" and _bits_of_power(left, right) > LONGEST_INTEGER_BITS:
        raise LimitReachedError("it computes with numbers of hundreds of digits")


def _bits_of_power(base: Any, exponent: Any) -> int:
    return base.bit_length() * abs(exponent) if isinstance(base, int) and isinstance(exponent, int) else 0


def _joined(value: Any, d: Any = "", attribute: Any = None) -> int:  # noqa: ARG001  # Jinja's own names
    return len(value) * len(str(d)) if isinstance(value, Sized) else 0


def _replaced(s: Any, old: Any, new: Any, count: Any = None) -> int:  # noqa: ARG001
    text, wanted = str(s), str(old)
    return len(text) + text.count(wanted) * len(str(new))


def _padded(value: Any, width: Any = 80, *_: Any) -> int:
    return len(str(value)) + _number(width)


def _indented(s: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    return (str(s).count("\n") + 1) * (len(width) if isinstance(width, str) else _number(width))


def _grouped(value: Any, count: Any, fill_with: Any = None) -> int:
    return (len(value) if isinstance(value, Sized) else 0) + (_number(count) if fill_with is not None else 1)


def _sliced(value: Any, slices: Any, fill_with: Any = None) -> int:  # noqa: ARG001
    return (len(value) if isinstance(value, Sized) else 0) + _number(slices)


def _written(value: Any, _ascii: Any = None, indent: Any = None, *_: Any, **__: Any) -> int:
    return (len(str(value)) + 1) * (1 + _number(indent)) if indent is not None else 0


def _rounded(value: Any, precision: Any = 0, method: Any = "common") -> int:  # noqa: ARG001
    return 0 if _number(precision) <= _MOST_DIGITS else _BOUNDLESS


def _summed(iterable: Any, attribute: Any = None, start: Any = 0) -> int:  # noqa: ARG001
    """Adding up lists takes quadratic time."""
    return 0 if isinstance(start, (int, float)) else _BOUNDLESS


def _formatted(value: Any, *_: Any, **__: Any) -> int:
    require_bounded_format(str(value))
    return 0


def _number(value: Any) -> int:
    return abs(value) if isinstance(value, int) else 0


FILTER_GROWTH: Mapping[str, Callable[..., int]] = {
    "join": _joined,
    "replace": _replaced,
    "center": _padded,
    "ljust": _padded,
    "rjust": _padded,
    "zfill": _padded,
    "indent": _indented,
    "batch": _grouped,
    "slice": _sliced,
    "tojson": _written,
    "round": _rounded,
    "sum": _summed,
    "format": _formatted,
}
"""Letters that a filter, or a method of the same name, would make; those that are not here do not grow a value."""
