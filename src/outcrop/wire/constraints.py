"""What the model demands of single values, in AWS's phrases, and how a broken demand is told.

Patterns are run by RE2 in linear time: AWS's own, such as that of jobName, take seconds in a backtracking engine for 26
dashes (STYLE.md). They match the whole value. A pattern that RE2 cannot compile, because some later botocore brought a
look-around, is not checked, and `unchecked_patterns` lists it for the log; every pattern of botocore 1.44 compiles.
"""

import operator
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import islice
from typing import TypeAlias, cast

import re2

from outcrop.errors import ValidationError
from outcrop.wire.shapes import Kind, Shape

Path: TypeAlias = "tuple[Path, str] | None"
"""Where a value is: the path of what holds it, and its name there. Cheap to extend, rendered only for violations."""

_NUMBERS = {Kind.INTEGER, Kind.LONG, Kind.FLOAT}
_SCALARS = _NUMBERS | {Kind.STRING, Kind.BOOLEAN, Kind.BLOB, Kind.TIMESTAMP}
_INTEGER_MIN, _INTEGER_MAX = -(2**31), 2**31 - 1

_ECHO_CHARACTERS = 1024
"""Longest value that a message repeats: longer than any ARN, shorter than a prompt."""

_REMEMBERED_VALUES, _REMEMBERED_CHARACTERS = 512, 256
"""How many values each pattern remembers to have matched or not, and up to which length."""

_ECHO_ITEMS = 64
"""Items of a list or map that a message repeats."""

_ECHO_VIOLATIONS = 50
"""Violations that a message lists; the rest are only counted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A demand on one value, and the phrase for when it is not met."""

    holds: Callable[[object], bool]
    phrase: str


class Violations:
    """Collects what is wrong with one request."""

    def __init__(self) -> None:
        self._count = 0
        self._texts: list[str] = []

    def add(self, path: Path, value: object, phrase: str, *, is_sensitive: bool = False) -> None:
        """Notes that the value at a path breaks a rule; None is a value that is missing."""
        self._count += 1
        if len(self._texts) < _ECHO_VIOLATIONS:
            shown = _shown(value, is_sensitive=is_sensitive)
            self._texts.append(f"{shown} at '{_render(path)}' failed to satisfy constraint: {phrase}")

    def require_none(self) -> None:
        """Raises ValidationError if anything was added, naming all of it."""
        if self._count:
            noun = "error" if self._count == 1 else "errors"
            raise ValidationError(f"{self._count} validation {noun} detected: {'; '.join(self._texts)}")


def rules_of(shape: Shape) -> tuple[Rule, ...]:
    """Returns the demands of a shape on its value as such, in the order in which AWS lists them."""
    rules: list[Rule] = []
    if shape.kind in _NUMBERS:
        rules += _range_rules(shape)
    else:
        rules += _length_rules(shape)
    if shape.pattern is not None:
        pattern = _compile(shape.pattern)
        if pattern is not None:
            rules.append(Rule(pattern, f"Member must satisfy regular expression pattern: {shape.pattern}"))
    if shape.enum:
        allowed = frozenset(shape.enum)
        rules.append(Rule(allowed.__contains__, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"))
    return tuple(rules)


def is_scalar(shape: Shape) -> bool:
    """Tells whether a value of the shape has no members or items of its own."""
    return shape.kind in _SCALARS


def unchecked_patterns(shapes: Iterable[Shape]) -> list[str]:
    """Lists the patterns in these shapes, and in all that they hold, that RE2 cannot compile."""
    found: list[str] = []
    for shape in shapes:
        if shape.pattern is not None and _compile(shape.pattern) is None:
            found.append(shape.pattern)
        inner = [member.shape for member in shape.members]
        found += unchecked_patterns([*inner, *(part for part in (shape.key, shape.item) if part is not None)])
    return found


@cache
def _compile(pattern: str) -> Callable[[object], bool] | None:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        # Over UTF-8 bytes: for text, the wrapper counts characters to tell where groups lie, which nobody asks.
        fullmatch = re2.compile(pattern.encode(), options).fullmatch
    except re2.error:
        return None

    @lru_cache(maxsize=_REMEMBERED_VALUES)
    def matches_short(value: str) -> bool:
        return fullmatch(value.encode()) is not None

    def matches(value: object) -> bool:
        # The same few names and ARNs are asked for again and again, and a look-up is a fraction of a match.
        text = cast("str", value)
        return matches_short(text) if len(text) <= _REMEMBERED_CHARACTERS else fullmatch(text.encode()) is not None

    return matches


def _range_rules(shape: Shape) -> list[Rule]:
    # An Integer has 32 bits whether or not the model states a range.
    default = (_INTEGER_MIN, _INTEGER_MAX) if shape.kind is Kind.INTEGER else (None, None)
    least = default[0] if shape.minimum is None else shape.minimum
    most = default[1] if shape.maximum is None else shape.maximum
    rules = []
    if most is not None:
        rules.append(Rule(partial(operator.ge, most), f"Member must have value less than or equal to {most}"))
    if least is not None:
        rules.append(Rule(partial(operator.le, least), f"Member must have value greater than or equal to {least}"))
    return rules


def _length_rules(shape: Shape) -> list[Rule]:
    rules = []
    if shape.maximum is not None:
        rules.append(
            Rule(_length_is(most=shape.maximum), f"Member must have length less than or equal to {shape.maximum}")
        )
    if shape.minimum:  # a least length of 0 demands nothing
        rules.append(
            Rule(_length_is(least=shape.minimum), f"Member must have length greater than or equal to {shape.minimum}")
        )
    return rules


def _length_is(*, least: float = 0, most: float = float("inf")) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        return isinstance(value, Sized) and least <= len(value) <= most

    return holds


def _render(path: Path) -> str:
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(name)
    return ".".join(reversed(names))[:_ECHO_CHARACTERS]


def _shown(value: object, *, is_sensitive: bool) -> str:
    if value is None:
        return "Value null"
    if is_sensitive or isinstance(value, bytes):
        return "Value"
    text = _text(value)
    if len(text) > _ECHO_CHARACTERS:
        text = text[:_ECHO_CHARACTERS] + "..."
    return f"Value '{text}'"


def _text(value: object) -> str:
    """Writes a value as AWS's Java does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value[: _ECHO_CHARACTERS + 1]
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_text(item)}' for key, item in islice(value.items(), _ECHO_ITEMS))}}}"
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in islice(value, _ECHO_ITEMS))}]"
    return str(value)
