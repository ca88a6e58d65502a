"""Reading JSON that strangers wrote: what is deep, wide or numerically absurd is refused before it costs memory.

The checks run on the text, in C, before a parser builds anything: a body of 25 MB can hold eight million empty objects,
which as Python objects are half a gigabyte.
"""

import json
import math
import re
from typing import NoReturn

from outcrop.records import JsonValue
from outcrop.wire.refusals import SerializationError

MAX_DEPTH = 64
"""Levels of nesting. The deepest shape that Outcrop serves has 17; free JSON documents may use the rest."""

MAX_VALUES = 250_000
"""Values in one body: commas, colons and brackets outside of strings."""

MAX_NUMBER_CHARACTERS = 64
"""Length of one number. No number of the model needs more than 20 digits."""

# Possessive, so that an unterminated string costs one pass and not one for each quote.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def load(body: bytes) -> JsonValue:
    """Reads a JSON text of UTF-8; of repeated keys the last one wins.

    Raises:
        SerializationError: It is not JSON, or is beyond the limits of this module.
    """
    _require_bounded(body)
    try:
        text = body.decode("utf-8")
        value: JsonValue = _DECODER.decode(text)
        if _SURROGATE_ESCAPE.search(body) is not None:
            # Half of a surrogate pair is a string that can be neither stored nor sent on: find it here.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise SerializationError("The request body must be valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise SerializationError(f"The request body is not JSON: {error.msg} at character {error.pos}.") from None
    return value


def _require_bounded(body: bytes) -> None:
    opened = body.count(b"[") + body.count(b"{")
    values = opened + body.count(b",") + body.count(b":")
    if opened <= MAX_DEPTH and values <= MAX_VALUES:
        return  # counting what is inside of strings too; nearly every body leaves here
    skeleton = _STRING.sub(b"", body)
    opened = skeleton.count(b"[") + skeleton.count(b"{")
    values = opened + skeleton.count(b",") + skeleton.count(b":")
    if values > MAX_VALUES:
        raise SerializationError(f"The request body must not hold more than {MAX_VALUES} values.")
    if opened > MAX_DEPTH and _is_deep(skeleton):
        raise SerializationError(f"The request body must not be nested deeper than {MAX_DEPTH} levels.")


def _is_deep(skeleton: bytes) -> bool:
    """Takes away the innermost brackets, level by level; pairs left after the last allowed level are too deep."""
    brackets = skeleton.translate(_BRACES_AS_BRACKETS, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    # What never pairs is broken JSON, about which the parser says more, as long as it can be let near it.
    return b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH


def _parse_int(text: str) -> int:
    _require_short(text)
    return int(text)


def _parse_float(text: str) -> float:
    _require_short(text)
    number = float(text)
    if not math.isfinite(number):
        raise SerializationError(f"The number {text} in the request body is out of range.")
    return number


def _parse_constant(text: str) -> NoReturn:
    raise SerializationError(f"The request body is not JSON: {text} is not a JSON value.")


def _require_short(text: str) -> None:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise SerializationError(
            f"A number in the request body must not have more than {MAX_NUMBER_CHARACTERS} characters."
        )


_DECODER = json.JSONDecoder(parse_int=_parse_int, parse_float=_parse_float, parse_constant=_parse_constant)
