"""The text of a `failureMessage`: what stops an import, gravest first, within a limit.

One error is told as it is; several are counted and numbered:

    4 errors. (1) a.safetensors: … And 1 more like it. … (2) b.safetensors: … The full report holds 1 more error.
"""

from collections.abc import Sequence

from outcrop.artifact.finding import Finding
from outcrop.artifact.wording import counted


def summarise(listed: Sequence[Finding], *, errors: int, warnings: int, limit: int) -> str:
    """Returns the listed errors in words, as many as fit; `errors` counts those, too, that are not listed.

    Errors of one kind and file that have the same cure are told by the first of them.
    """
    if errors == 0:
        return _cut(f"No error was found.{_ending(0, warnings)}", limit)
    if errors == 1:
        return _cut(f"{_sentence(listed[0])}{_ending(0, warnings)}", limit)
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for found in listed:
        alike.setdefault((found.id, found.file, found.cure), []).append(found)
    text, left = f"{errors} errors.", errors
    for number, group in enumerate(alike.values(), start=1):
        entry = f" ({number}) {_sentence(group[0], like_it=len(group) - 1)}"
        if number > 1 and len(text) + len(entry) + len(_ending(left - len(group), warnings)) > limit:
            break
        text += entry
        left -= len(group)
    return _cut(f"{text}{_ending(left, warnings)}", limit)


def _sentence(found: Finding, *, like_it: int = 0) -> str:
    place = f"{found.file}: " if found.file else ""
    more = f" And {like_it:,} more like it." if like_it else ""
    return f"{place}{found.message}{more} {found.cure}".strip()


def _ending(more_errors: int, warnings: int) -> str:
    numbers = ((more_errors, "more error"), (warnings, "warning"))
    rest = " and ".join(counted(count, noun) for count, noun in numbers if count)
    return f" The full report holds {rest}." if rest else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
