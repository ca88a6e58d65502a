"""JSON objects from strangers, read strictly and within bounds: no value is a surprise, no file is a bomb. Pure.

Strict where Python is lenient: UTF-8 only, no byte-order mark, no NaN, no Infinity, and duplicate names are told.
Bounded before parsing: there are at most as many values as commas, brackets and braces, which are counted first, so
that a file of a few MB cannot grow to gigabytes of objects; and brackets are nested no deeper than any model's files.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

from outcrop.artifact.contents import LFS_CURE, is_lfs_pointer, sniff
from outcrop.artifact.finding import Judged, Kind, error, warning
from outcrop.artifact.wording import listing, quoted
from outcrop.records import JsonObject, JsonValue

MOST_VALUES = 500_000
"""Values in one document. A header of 36,000 tensors, the most of any supported model, has 330,000."""

DEEPEST = 64
"""Brackets within brackets; deeper values would make comparing and showing them fail later."""

_MOST_DUPLICATES = 20

# The closing quote is optional, so that a match always succeeds and a text without an end costs linear time.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

NOT_JSON = error("file.not_json")
"""A JSON file cannot be read. Do: correct it, or export the model again."""
DUPLICATE_NAMES = warning("file.duplicate_names")
"""A JSON file gives a member twice: readers differ in which they take. Do: remove one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a caller wants the two kinds of trouble reported."""

    malformed: Kind = NOT_JSON
    duplicates: Kind = DUPLICATE_NAMES
    cure: str = "Correct the file, or export the model again, and upload it."


PLAIN = Wording()


def read_object(file: str, data: bytes, wording: Wording = PLAIN) -> Judged[JsonObject]:
    """Reads a document that has to be a JSON object; the last of duplicate names wins, as in Python's own reader."""
    reader = _Reader()
    trouble = reader.read(data)
    if trouble is not None:
        cure = LFS_CURE if is_lfs_pointer(data) else wording.cure
        return Judged(None, (wording.malformed.found(file, f"is not a JSON object: {trouble}.", cure=cure),))
    if not reader.duplicates:
        return Judged(reader.value)
    names = listing(reader.duplicates)
    found = wording.duplicates.found(
        file, f"has more than one value for {names}: readers differ in which one they take.", cure=wording.cure
    )
    return Judged(reader.value, (found,))


class _Reader:
    """One reading of one document."""

    def __init__(self) -> None:
        self._parsed: object = None
        self.duplicates: list[str] = []
        self._constants: list[str] = []

    def read(self, data: bytes) -> str | None:
        """Reads the document; returns what is wrong with it, or None."""
        return next(_outside(data), None) or self._parse(data) or next(self._inside(), None)

    def _parse(self, data: bytes) -> str | None:
        try:
            self._parsed = json.loads(
                data.decode(), object_pairs_hook=self._object, parse_constant=self._constants.append
            )
        except UnicodeDecodeError as problem:
            return f"byte {problem.start} is not UTF-8"
        except json.JSONDecodeError as problem:
            return f"{problem.msg} at line {problem.lineno}, column {problem.colno}"
        except ValueError:
            # What else the reader raises: Python refuses to turn thousands of digits into an integer.
            return "it has a number with thousands of digits"
        return None

    def _inside(self) -> Iterator[str]:
        if self._constants:
            yield f"{quoted(self._constants[0])} is no JSON number"
        if not isinstance(self._parsed, dict):
            yield "it holds another kind of value"

    @property
    def value(self) -> JsonObject:
        """What was read, once nothing is wrong with it."""
        return cast("JsonObject", self._parsed)

    def _object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        members = dict(pairs)
        if len(members) != len(pairs) and len(self.duplicates) < _MOST_DUPLICATES:
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen and name not in self.duplicates:
                    self.duplicates.append(name)
                seen.add(name)
        return members


def _outside(data: bytes) -> Iterator[str]:
    """Gives what forbids parsing a document at all."""
    if not data.strip():
        yield "it is empty"
    known = sniff(data)
    if known is not None:
        yield f"it is {known}"
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        yield f"it has more than {MOST_VALUES:,} values"
    if _depth(data) > DEEPEST:
        yield f"it is nested more than {DEEPEST} levels deep"


def _depth(data: bytes) -> int:
    """Returns how deep brackets are nested outside of texts."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return 0
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)
