"""Every kind of finding that there is, and what stands below its declaration: for docs/findings.md."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

import outcrop.artifact
from outcrop.artifact.finding import Kind

_DO = " Do: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kind, and the text below its declaration: what it means, and after `Do:` what helps."""

    kind: Kind
    meaning: str
    cure: str


def catalogue() -> list[Entry]:
    """Returns an entry for each kind, by id.

    Raises:
        ValueError: a kind was declared without its text.
    """
    modules = (
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(outcrop.artifact.__path__, "outcrop.artifact.")
    )
    return sorted((entry for module in modules for entry in _declared(module)), key=lambda entry: entry.kind.id)


def _declared(module: ModuleType) -> Iterator[Entry]:
    body = ast.parse(inspect.getsource(module)).body
    for statement, following in pairwise([*body, ast.Pass()]):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            kind = getattr(module, statement.targets[0].id, None)
            if isinstance(kind, Kind):
                yield _entry(kind, _text(following))


def _entry(kind: Kind, text: str) -> Entry:
    meaning, found, cure = " ".join(text.split()).partition(_DO)
    if not found:
        raise ValueError(f'{kind.id} lacks the text below its declaration: "What it means.{_DO}what helps."')
    return Entry(kind=kind, meaning=meaning, cure=f"{cure[0].upper()}{cure[1:]}")


def _text(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""
