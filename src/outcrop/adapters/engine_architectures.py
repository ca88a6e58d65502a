"""Which architectures an installed engine knows, read from its own registry without running any of it.

Importing transformers or vLLM takes seconds and loads torch; their registries are literals in one source file each, of
which only those statements are parsed: that takes 5 ms. Tried with transformers 5.23; vLLM's as in its repository in
2026.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where an engine lists the classes that generate text."""

    file: str
    """Path within the environment's site-packages."""
    names: frozenset[str]
    """The variables that hold the lists: dicts by class name, or pairs of model type and class name."""
    also: frozenset[str] = frozenset()
    """Classes that the engine runs as well, where it is installed."""


TRANSFORMERS = Registry(
    file="transformers/models/auto/modeling_auto.py",
    # What `transformers serve` takes for text, and for text and images (transformers/cli/serving/model_manager.py).
    names=frozenset({"MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"}),
    # The list of encoder-decoders holds many that take speech. Read as a stream, this one's answers are whole
    # (docs/decisions/0017-streams.md).
    also=frozenset({"T5ForConditionalGeneration"}),
)
VLLM = Registry(
    file="vllm/model_executor/models/registry.py",
    names=frozenset({"_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS"}),
)


def known_architectures(command: str | None, registry: Registry) -> frozenset[str]:
    """Returns the class names in the registry of the environment that a program belongs to.

    Empty where there is no such program or file, or the file is not what it was: then nothing is claimed.
    """
    if command is None:
        return frozenset()
    # As wheels are unpacked: <environment>/lib/pythonX.Y/site-packages. The program may be a link into it.
    for program in (Path(command), Path(command).resolve()):
        for found in sorted(program.parent.parent.glob(f"lib/python3*/site-packages/{registry.file}")):
            with suppress(OSError, SyntaxError, ValueError):
                listed = frozenset(_listed(found.read_text(), registry.names))
                return listed | registry.also if listed else listed
    return frozenset()


def _listed(source: str, names: frozenset[str]) -> Iterator[str]:
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if line.partition(" ")[0].rstrip(":") in names:
            for statement in ast.parse(_statement(lines, number)).body:
                if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                    yield from _class_names(statement.value)


def _statement(lines: Sequence[str], first: int) -> str:
    """Returns a statement that begins on a line; over several, it ends with a bracket at a line's beginning."""
    if lines[first].rstrip().endswith(("(", "[", "{")):
        last = next((number for number in range(first + 1, len(lines)) if lines[number][:1] in _CLOSING), first)
        return "\n".join(lines[first : last + 1])
    return lines[first]


_CLOSING = frozenset(")]}")


def _class_names(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Dict):
        yield from (text for key in value.keys if key is not None and (text := _text(key)) is not None)
        return
    for pair in ast.walk(value):
        if isinstance(pair, ast.Tuple) and len(pair.elts) == len(("model type", "class")):
            text = _text(pair.elts[1])
            if text is not None:
                yield text


def _text(value: ast.expr) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
