"""The text of a `failureMessage`: what stops an import, gravest first, within a limit.

One error is told as it is; several are counted and numbered:

    3 errors. (1) a.safetensors: … (2) b.safetensors: … The full report holds 1 more error and 2 warnings.
"""

from collections.abc import Sequence

from outcrop.artifact.finding import Finding
from outcrop.artifact.wording import counted


def summarise(listed: Sequence[Finding], *, errors: int, warnings: int, limit: int) -> str:
    """Returns the listed errors in words, as many as fit; `errors` counts those, too, that are not listed."""
    if errors == 0:
        return _cut(f"No error was found.{_ending(0, warnings)}", limit)
    if errors == 1:
        return _cut(f"{_sentence(listed[0])}{_ending(0, warnings)}", limit)
    text = f"{errors} errors."
    for number, found in enumerate(listed, start=1):
        entry = f" ({number}) {_sentence(found)}"
        if number > 1 and len(text) + len(entry) + len(_ending(errors - number, warnings)) > limit:
            return _cut(f"{text}{_ending(errors - number + 1, warnings)}", limit)
        text += entry
    return _cut(f"{text}{_ending(errors - len(listed), warnings)}", limit)


def _sentence(found: Finding) -> str:
    place = f"{found.file}: " if found.file else ""
    return f"{place}{found.message} {found.cure}".strip()


def _ending(more_errors: int, warnings: int) -> str:
    numbers = ((more_errors, "more error"), (warnings, "warning"))
    rest = " and ".join(counted(count, noun) for count, noun in numbers if count)
    return f" The full report holds {rest}." if rest else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
