"""A reader for the members of config.json that a rule or a family's table needs; it tells what is wrong with them.

Reading never stops: a member that is missing or of a wrong kind gives a finding and a harmless value, so that one pass
tells everything. Whoever computes with the values looks at `findings` before using the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from outcrop.artifact.finding import Finding, error
from outcrop.artifact.wording import shown
from outcrop.records import JsonObject, JsonValue

Harmless = TypeVar("Harmless")

LARGEST_SIZE = 2**24
"""Beyond every width and vocabulary; keeps what is computed from a config small."""

MOST_LAYERS = 1000
MOST_EXPERTS = 1024

MISSING_MEMBER = error("config.missing_member")
"""config.json lacks a member that the architecture's tensors are counted by. Do: take it from the original."""
WRONG_MEMBER = error("config.wrong_member")
"""A member of config.json has a value of a wrong kind or size. Do: correct it after the original."""


class Fields:
    """The members of config.json, or of a section of it."""

    def __init__(self, values: JsonObject, *, section: str = "") -> None:
        self._values = values
        self._section = section
        self._told: set[str] = set()
        self.findings: list[Finding] = []

    def has(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self._values.get(name) is not None

    def is_absent(self, name: str) -> bool:
        """Whether there is no such member, not even null: the reader's class then takes its own default."""
        return name not in self._values

    def value(self, name: str) -> JsonValue:
        """Returns the member as it stands."""
        return self._values.get(name)

    def size(self, name: str, default: int | None = None, *, most: int = LARGEST_SIZE) -> int:
        """Returns a positive integer; without a default the member has to be there. 1 where it is wrong."""
        value = self._values.get(name)
        if type(value) is int and 1 <= value <= most:
            return value
        if value is None and default is not None:
            return default
        return self._wrong(name, f"an integer from 1 to {most}", 1)

    def first_size(self, names: Sequence[str], default: int) -> int:
        """Returns the first of the members that is a positive integer; the others, and what they hold, tell nothing."""
        values = (self._values.get(name) for name in names)
        return next((value for value in values if type(value) is int and 1 <= value <= LARGEST_SIZE), default)

    def layers(self, name: str, default: int | None = None) -> range:
        """Returns the numbers of the layers."""
        return range(self.size(name, default, most=MOST_LAYERS))

    def flag(self, name: str, *, default: bool) -> bool:
        """Returns a boolean."""
        value = self._values.get(name)
        if isinstance(value, bool) or value is None:
            return default if value is None else value
        return self._wrong(name, "true or false", default)

    def text(self, name: str, default: str | None = None) -> str:
        """Returns a text; without a default the member has to be there. Empty where it is wrong."""
        value = self._values.get(name)
        if isinstance(value, str):
            return value
        if value is None and default is not None:
            return default
        return self._wrong(name, "a text", "")

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Returns a short list of integers; without a default the member has to be there. Empty where it is wrong."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        numbers = value if isinstance(value, list) and len(value) <= MOST_LAYERS else [None]
        if all(type(number) is int and 0 <= number <= LARGEST_SIZE for number in numbers):
            return tuple(number for number in numbers if isinstance(number, int))
        return self._wrong(name, "a list of integers", ())

    def count(self, name: str, default: int) -> int:
        """Returns how many items a list has."""
        value = self._values.get(name)
        if isinstance(value, list) or value is None:
            return default if value is None else len(value)
        return self._wrong(name, "a list", default)

    def section(self, name: str) -> Fields:
        """Returns the reader of an object within; what is wrong there is among this reader's findings."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            value = self._wrong(name, "an object", {})
        inner = Fields(value, section=f"{self._section}{name}.")
        inner.findings = self.findings
        return inner

    def _wrong(self, name: str, expected: str, harmless: Harmless) -> Harmless:
        if name not in self._told:
            self._told.add(name)
            kind = WRONG_MEMBER if self.has(name) else MISSING_MEMBER
            actual = shown(self._values.get(name))
            self.findings.append(
                kind.found(
                    "config.json",
                    f'has {actual} as "{self._section}{name}" where {expected} is expected.'
                    if self.has(name)
                    else f'lacks "{self._section}{name}", {expected}.',
                    cure="Correct config.json; the original of the model has the value.",
                    expected=expected,
                    actual=actual,
                )
            )
        return harmless
