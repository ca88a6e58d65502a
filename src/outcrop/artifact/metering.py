"""A meter for what a chat template does, so that no template takes more than a moment or a few MB. Pure.

Every value that a template holds has at most so many letters and items, nested ones counted as often as they appear.
Every operation works on such values and is charged by their size, so the number of steps bounds the time: half a
second at worst, whatever the template does.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jinja2 import TemplateError
from jinja2.utils import Namespace

LETTERS_PER_STEP = 32

LONGEST_INTEGER_BITS = 2048

_DEEPEST = 40
_ITEMS_PER_STEP = 2


class LimitReachedError(TemplateError):
    """The template wants more than it is given. Never leaves this package: it becomes a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one rendering may take; the defaults are for a short conversation."""

    largest_text: int = 50_000
    """Letters of one value."""
    most_items: int = 10_000
    """Items of one value."""
    steps: int = 50_000
    """What it may spend; the largest published templates spend less than 5,000 on a short conversation."""
    largest_output: int = 200_000
    """Letters that it may write."""


class Meter:
    """Counts one rendering at a time."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.begin(limits or Limits())

    def begin(self, limits: Limits) -> None:
        """Counts from the start, for another rendering."""
        self.limits = limits
        self._left = limits.steps

    def spend(self, steps: int) -> None:
        """Takes steps from what is left. Raises LimitReachedError."""
        self._left -= abs(steps)
        if self._left < 0:
            raise LimitReachedError("it takes too many steps")

    def weigh(self, value: Any) -> None:
        """Makes sure that a value is small, and charges for its size. Raises LimitReachedError."""
        letters, items, most, pending = 0, 0, self.limits.most_items, [(value, 0)]
        while pending:
            item, depth = pending.pop()
            letters += _letters(item)
            inner = _inner(item, most)
            items += len(inner)
            if letters > self.limits.largest_text or items > most:
                most_letters = self.limits.largest_text
                raise LimitReachedError(f"it makes a value of over {most_letters:,} letters, or {most:,} items")
            if inner and depth >= _DEEPEST:
                raise LimitReachedError("it nests values too deeply")
            pending.extend((one, depth + 1) for one in inner)
        self.spend(1 + letters // LETTERS_PER_STEP + items // _ITEMS_PER_STEP)

    def checked(self, value: Any) -> Any:
        """Returns a value that is known to be small, and made whole. Raises LimitReachedError."""
        if isinstance(value, Iterator):
            value = list(islice(value, self.limits.most_items + 1))
        self.weigh(value)
        return value

    def require_small(self, letters: int) -> None:
        """Raises LimitReachedError for more letters or items than a value may have."""
        if letters > self.limits.largest_text:
            raise LimitReachedError(f"it would make a value of more than {self.limits.largest_text:,} letters")


def _letters(item: Any) -> int:
    if isinstance(item, str):
        return len(item)
    if isinstance(item, int) and item.bit_length() > LONGEST_INTEGER_BITS:
        raise LimitReachedError("it computes with numbers of hundreds of digits")
    return 1


def _inner(item: Any, most: int) -> Collection[Any]:
    """Returns what a value holds, or the beginning of it where it holds too much."""
    if isinstance(item, dict):
        return [*islice(item.keys(), most), *islice(item.values(), most)]
    if isinstance(item, Namespace):
        return list(object.__getattribute__(item, "_Namespace__attrs").values())
    if isinstance(item, Collection) and not isinstance(item, str):
        return list(islice(item, most + 1))
    return ()
