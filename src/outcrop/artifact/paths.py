"""Which paths below a prefix can be files of a model: nothing that could mean another place than it says. Pure."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, invisible marks, halves of letters, line ends."""

LONGEST_PATH = 512
"""Characters; Hugging Face layouts stay below 100."""


def trick(path: str) -> str | None:
    """Returns how a path tries to mean another place, in words, or None for an honest path."""
    return next(_tricks(path), None)


def _tricks(path: str) -> Iterator[str]:
    parts = path.split("/")
    if len(path) > LONGEST_PATH:
        yield f"it is longer than {LONGEST_PATH} characters"
    if any(unicodedata.category(letter) in _UNPRINTABLE for letter in path):
        yield "it contains characters that do not print"
    if "\\" in path:
        yield "it contains a backslash, which is a folder's separator elsewhere"
    if path.startswith("/") or parts[0][1:2] == ":":
        yield "it is an absolute path"
    if "" in parts[:-1]:
        yield "it has an empty segment"
    if any(part in {".", ".."} for part in parts):
        yield 'it has a segment "." or ".."'


def folded(path: str) -> str:
    """Returns the form in which file systems that fold case or normalise Unicode hold a path."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def collisions(paths: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Returns the groups of different paths that some file systems hold as one, by their folded form."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[folded(path)].append(path)
    return {name: tuple(sorted(group)) for name, group in groups.items() if len(group) > 1}


def is_folder_marker(path: str, size_bytes: int) -> bool:
    """Whether an object is what consoles make when somebody clicks "new folder"."""
    return size_bytes == 0 and (path == "" or path.endswith("/"))


def looks_like(path: str, name: str) -> bool:
    """Whether a person would take a path for a name that it is not: other case, spaces, foreign look-alike letters."""
    path, name = folded(path).strip(), folded(name)
    return len(path) == len(name) and all(
        there == meant or not there.isascii() for there, meant in zip(path, name, strict=True)
    )
