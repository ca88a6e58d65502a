"""Where in a policy document something stands, as a JSON path, and the refusal that names it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_MOST_QUOTED = 80


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document and the JSON path that leads to it, `$` being the document."""

    path: str
    value: JsonValue

    def refused(self, why: str) -> ValidationError:
        """Returns the error that names this place."""
        return ValidationError(f"The policy is malformed at {self.path}: {why}")

    def at(self, name: str) -> Place:
        """Returns the member of this object; the caller knows that it is there."""
        step = f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{quoted(name)}]"
        return Place(self.path + step, self.object()[name])

    def object(self) -> JsonObject:
        """Returns the value as an object. Raises ValidationError."""
        if not isinstance(self.value, Mapping):
            raise self.refused("an object is expected.")
        return self.value

    def text(self) -> str:
        """Returns the value as a string without policy variables. Raises ValidationError."""
        if not isinstance(self.value, str):
            raise self.refused("a string is expected.")
        if "${" in self.value:
            raise self.refused(f"policy variables such as {quoted(self.value)} are not supported.")
        return self.value

    def items(self) -> tuple[Place, ...]:
        """Returns the elements of a list, or the value as the only one (IAM grammar: one or many). Never none."""
        if not isinstance(self.value, list | tuple):
            return (self,)
        if not self.value:
            raise self.refused("the list is empty.")
        return tuple(Place(f"{self.path}[{index}]", item) for index, item in enumerate(self.value))


def quoted(text: str) -> str:
    """Returns the text in quotes and ASCII, shortened: it may be anything."""
    return json.dumps(text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED] + "…")
