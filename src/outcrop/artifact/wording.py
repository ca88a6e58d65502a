"""How texts and numbers from a model are shown in messages: printable, short, and never able to mislead a terminal."""

from collections.abc import Sequence

from outcrop.records import JsonValue

_LONGEST = 96
"""Characters of a foreign text that a message shows."""

_SHORT_LIST = 8

_LARGEST = 10**20
"""Integers beyond this are shown by their size: writing them out costs quadratic time."""


def printable(text: str, limit: int = 1024) -> str:
    """Returns the text with everything that does not print escaped, and its middle left out beyond the limit."""
    if len(text) > limit:
        half = (limit - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def quoted(text: str) -> str:
    """Returns a foreign text for a message, in double quotes."""
    return f'"{printable(text, _LONGEST)}"'


def shown(value: JsonValue) -> str:
    """Returns what a JSON value is, for a message."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Sequence):
        return shape(value) if _is_small(value) else f"a list of {len(value)}"
    return f"an object of {len(value)}"


def shape(dimensions: Sequence[JsonValue]) -> str:
    """Returns a tensor's shape, or another short list, as it is written in JSON."""
    return f"[{', '.join(shown(dimension) for dimension in dimensions)}]"


def listing(names: Sequence[str], limit: int = 5) -> str:
    """Returns some of the names, quoted, and how many more there are."""
    rest = len(names) - limit
    return ", ".join(quoted(name) for name in names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def counted(count: int, noun: str) -> str:
    """Returns a number of things, such as "1 file" or "2 files"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Returns a number of bytes, exactly, with its order of magnitude where that helps."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= scale:
            return f"{count:,} bytes ({count / scale:.1f} {unit})"
    return f"{count:,} bytes"


def rounded(count: int) -> str:
    """Returns a number of bytes by its order of magnitude."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return counted(count, "byte")


def _is_small(value: Sequence[JsonValue]) -> bool:
    return len(value) <= _SHORT_LIST and not any(isinstance(item, (list, dict)) for item in value)
