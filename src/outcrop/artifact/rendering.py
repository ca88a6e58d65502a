"""Renders a chat template safely, and says what came of it. Pure.

Imports Jinja: to be imported only when a template is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from threading import Lock

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Template

from outcrop.artifact.metering import LimitReachedError, Limits, Meter
from outcrop.artifact.sandbox import InternalsError, MeteredEnvironment, NotRunError
from outcrop.records import JsonValue

LARGEST_TEMPLATE = 128 * 1024
"""Characters of a template; the largest published ones have 17,000."""

MOST_TOKENS = 10_000
"""Words and signs of a template; the largest published ones have 6,000. Compiling this many takes up to a second."""

_INTERNALS = (
    "__class__", "__base", "__mro__", "__subclasses__", "__globals__", "__builtins__", "__import__", "__init__",
    "__dict__", "__code__", "__getattribute__", "__reduce",
)  # fmt: skip
"""Names of Python's internals: only an attempt to leave the sandbox mentions them."""


class Outcome(Enum):
    """What came of rendering a template."""

    RENDERED = "rendered"
    MALFORMED = "malformed"
    """It does not compile."""
    UNSAFE = "unsafe"
    """It reaches for what the sandbox forbids."""
    EXCESSIVE = "excessive"
    """It takes more time or memory than it is given."""
    REFUSED = "refused"
    """It failed, or refuses the conversation."""
    NOT_RUN = "not run"
    """It is longer than what is read, or uses something that is not run here."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """An outcome, and the text that came out, or else the reason."""

    outcome: Outcome
    text: str


def render(source: str, variables: Mapping[str, JsonValue]) -> Rendering:
    """Compiles a template and renders it once with variables."""
    return SafeTemplate(source).render(variables)


class SafeTemplate:
    """A template that is compiled once, and rendered by one thread at a time."""

    def __init__(self, source: str) -> None:
        self._lock = Lock()
        self._meter = Meter()
        self._compiled: Template | Rendering
        try:
            self._compiled, self._names = _compile(source, self._meter)
        except Exception as problem:  # noqa: BLE001  # the template is foreign code: it can raise what it likes
            self._compiled, self._names = _failure(problem), frozenset()

    def reads(self, name: str) -> bool:
        """Whether the template mentions a variable."""
        return name in self._names

    def render(self, variables: Mapping[str, JsonValue], limits: Limits | None = None) -> Rendering:
        """Renders the template within limits."""
        if isinstance(self._compiled, Rendering):
            return self._compiled
        with self._lock:
            self._meter.begin(limits or Limits())
            try:
                return Rendering(Outcome.RENDERED, _run(self._compiled, variables, self._meter.limits))
            except Exception as problem:  # noqa: BLE001  # as above
                return _failure(problem)


_OUTCOMES: Sequence[tuple[type[Exception], Outcome]] = (
    (LimitReachedError, Outcome.EXCESSIVE),
    (RecursionError, Outcome.EXCESSIVE),
    (MemoryError, Outcome.EXCESSIVE),
    (NotRunError, Outcome.NOT_RUN),
    (InternalsError, Outcome.UNSAFE),
    (TemplateSyntaxError, Outcome.MALFORMED),
    # From Python's compiler, where Jinja's output goes to: it takes so many blocks within blocks and no more.
    (SyntaxError, Outcome.MALFORMED),
)
"""What an error means; any other is the template's own and means that it refuses the conversation."""


def _failure(problem: Exception) -> Rendering:
    outcome = next((outcome for kind, outcome in _OUTCOMES if isinstance(problem, kind)), Outcome.REFUSED)
    return Rendering(outcome, _reason(problem))


def _reason(problem: Exception) -> str:
    if isinstance(problem, TemplateSyntaxError):
        return f"{problem.message} (line {problem.lineno})"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply, or calls itself without end"
    return str(problem) or type(problem).__name__


def _compile(source: str, meter: Meter) -> tuple[Template, frozenset[str]]:
    """Returns a template, and all names that it mentions."""
    if len(source) > LARGEST_TEMPLATE:
        raise NotRunError(f"it has {len(source):,} characters; at most {LARGEST_TEMPLATE:,} are read")
    environment = MeteredEnvironment(meter)
    if next(islice(environment.lex(source), MOST_TOKENS, None), None) is not None:
        raise NotRunError(f"it has more than {MOST_TOKENS:,} words and signs")
    tree = environment.parse(source)
    internals = _mentioned_internals(tree)
    if internals is not None:
        raise InternalsError(f"it mentions {internals}")
    names = frozenset(node.name for node in tree.find_all(nodes.Name))
    code = environment.compile(environment.metered(tree))
    return Template.from_code(environment, code, environment.globals), names


def _run(template: Template, variables: Mapping[str, JsonValue], limits: Limits) -> str:
    pieces: list[str] = []
    length = 0
    for piece in template.generate(dict(variables)):
        pieces.append(piece)
        length += len(piece)
        if length > limits.largest_output:
            raise LimitReachedError(f"it writes more than {limits.largest_output:,} characters")
    return "".join(pieces)


def _mentioned_internals(tree: nodes.Template) -> str | None:
    """Returns what a template names of Python's internals, reached by this conversation or not."""
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("__"):
            return attribute.attr
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, str):
            found = next((name for name in _INTERNALS if name in constant.value), None)
            if found is not None:
                return found
    return None
