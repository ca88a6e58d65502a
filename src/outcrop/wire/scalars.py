"""Single values from JSON and from the text of headers and query strings, one function for each kind of shape.

A value of the wrong type is refused in the words that AWS uses, as others have measured them.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from outcrop.wire.shapes import Kind
from outcrop.wire.timestamps import parse_timestamp

ParseValue = Callable[[object], object]

LIST_FOUND = "Start of list found where not expected"
STRUCTURE_FOUND = "Start of structure or map found where not expected"

_INTEGER_TEXT = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_FLOAT_TEXT = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_LONG_MAX = 2**63


class MismatchError(Exception):
    """A value is not of its shape's type; the path is collected on the way out, so that good requests pay nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


def _wrong(value: object, wanted: str) -> MismatchError:
    if isinstance(value, dict):
        return MismatchError(STRUCTURE_FOUND)
    if isinstance(value, list):
        return MismatchError(LIST_FOUND)
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    return MismatchError(f"{token} can not be converted to {wanted}")


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _wrong(value, "a String")


def _integer(value: object) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = int(value)
        if -_LONG_MAX <= number < _LONG_MAX:
            return number  # beyond 32 bits is a matter of constraints, as it is for AWS
    raise _wrong(value, "an Integer")


def _float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _wrong(value, "a Float")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(value, "a Boolean")


def _blob(value: object) -> bytes:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise MismatchError("STRING_VALUE is not base64 and can not be converted to a Blob") from None
    raise _wrong(value, "a Blob")


def _timestamp(value: object) -> object:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return parse_timestamp(value)
        except ValueError:
            pass
    raise _wrong(value, "a Timestamp")


def _document(value: object) -> object:
    return value


FROM_JSON: Mapping[Kind, ParseValue] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.LONG: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.BLOB: _blob,
    Kind.TIMESTAMP: _timestamp,
    Kind.DOCUMENT: _document,
}


def _integer_text(value: object) -> int:
    text = _string(value)
    if _INTEGER_TEXT.fullmatch(text) is None:
        raise _wrong(value, "an Integer")
    return _integer(int(text))


def _float_text(value: object) -> float:
    text = _string(value)
    if _FLOAT_TEXT.fullmatch(text) is None:
        raise _wrong(value, "a Float")
    return float(text)


def _boolean_text(value: object) -> bool:
    if value in ("true", "false"):
        return value == "true"
    raise _wrong(value, "a Boolean")


FROM_TEXT: Mapping[Kind, ParseValue] = {
    Kind.INTEGER: _integer_text,
    Kind.LONG: _integer_text,
    Kind.FLOAT: _float_text,
    Kind.BOOLEAN: _boolean_text,
}
