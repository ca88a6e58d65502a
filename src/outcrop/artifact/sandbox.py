"""The environment that chat templates are rendered in: Hugging Face's own, sandboxed, and metered throughout. Pure.

Jinja's sandbox keeps templates from Python's internals, but not from taking forever. So the template's syntax tree is
rewritten before it is compiled: every round of a loop and every body of a macro is charged, and literals, joined texts,
comparisons and slices are weighed. Calls, filters, tests, operators and output are weighed by the environment.
"""

import functools
import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import UTC, datetime
from typing import Any, cast

from jinja2 import TemplateError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from outcrop.artifact.growth import FILTER_GROWTH, FILTERS, METHODS, require_bounded_format, require_bounded_result
from outcrop.artifact.metering import LETTERS_PER_STEP, LimitReachedError, Meter

_CALL_STEPS = 5
_LONGEST_RANGE = 10_000

# Names that a template cannot write, so that only the rewriting uses them.
_TICK, _ITEMS, _CHECKED, _SEEN, _JOINED = "tick!", "items!", "checked!", "seen!", "joined!"

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""What `strftime_now` tells templates here: rendering the same template always gives the same text."""


class NotRunError(TemplateError):
    """The template uses something that is not run here, though an engine may. Never leaves this package."""


class InternalsError(SecurityError):
    """The template reaches for Python's internals. Never leaves this package."""


class _Generation(Extension):
    """Hugging Face's `{% generation %}` block, which marks the assistant's own words and changes no output."""

    tags = {"generation"}  # noqa: RUF012  # Jinja declares it so

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Rewriter(NodeTransformer):
    """Puts the meter's filters into a syntax tree, from the leaves up."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """Returns what takes the node's place."""
        return _rewritten(self.generic_visit(node, *args, **kwargs))


def _rewritten(node: nodes.Node) -> nodes.Node:
    if isinstance(node, (nodes.For, nodes.Macro, nodes.CallBlock)):
        node.body.insert(0, _tick(node.body, node.lineno))
    if isinstance(node, nodes.For):
        node.iter = _filtered(node.iter, _ITEMS)
    elif isinstance(node, (nodes.List, nodes.Dict)) or (isinstance(node, nodes.Tuple) and node.ctx == "load"):
        return _filtered(node, _CHECKED)
    elif isinstance(node, nodes.Concat):
        return _filtered(nodes.Tuple(node.nodes, "load", lineno=node.lineno), _JOINED)
    elif isinstance(node, nodes.Compare):
        node.expr = _filtered(node.expr, _SEEN)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, _SEEN)
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        node.node = _filtered(node.node, _SEEN)
    return node


class MeteredEnvironment(ImmutableSandboxedEnvironment):
    """An environment for one rendering at a time."""

    intercepted_binops = frozenset({"//", "%", "+", "*", "-", "/", "**"})

    def __init__(self, meter: Meter) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, loopcontrols],
            finalize=meter.checked,
            cache_size=0,
        )
        self._meter = meter
        self.filters = {
            **{name: self._metered(name, function) for name, function in self.filters.items()},
            "tojson": self._metered("tojson", _tojson),
            **self._own_filters(),
        }
        self.tests = {name: self._weighing(cast("Callable[..., Any]", test)) for name, test in self.tests.items()}
        self.globals = {
            "range": _bounded_range,
            "dict": _dict,
            "namespace": Namespace,
            "cycler": self.globals["cycler"],
            "joiner": self.globals["joiner"],
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
        }

    def metered(self, tree: nodes.Template) -> nodes.Template:
        """Returns the tree with the meter in it."""
        _Rewriter().generic_visit(tree)
        tree.set_environment(self)
        return tree

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls a function, a macro or a method."""
        self._meter.spend(_CALL_STEPS)
        for value in (*args, *kwargs.values()):
            self._meter.weigh(value)
        if isinstance(obj, types.BuiltinMethodType):
            _require_known_method(obj, args, self._meter)
        return self._meter.checked(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Computes with an operator."""
        self._meter.weigh(left)
        self._meter.weigh(right)
        require_bounded_result(operator, left, right, require_small=self._meter.require_small)
        return self._meter.checked(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Gives `str.format` only for formats that cannot grow."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            require_bounded_format(value.__self__)
        return wrapped

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Tells those who reach for internals from those who call a method that the sandbox lacks, such as append."""
        if attribute.startswith("_"):
            raise InternalsError(f"it reaches for {attribute}")
        return super().unsafe_undefined(obj, attribute)

    def _metered(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a filter: what goes in is weighed, its growth is foreseen, what comes out is weighed."""
        skipped = 1 if hasattr(function, "jinja_pass_arg") else 0

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if name not in FILTERS:
                raise NotRunError(f"it uses the filter {name}, which is not run here")
            for value in (*args[skipped:], *kwargs.values()):
                self._meter.weigh(value)
            if name in FILTER_GROWTH:
                self._meter.require_small(FILTER_GROWTH[name](*args[skipped:], **kwargs))
            return self._meter.checked(function(*args, **kwargs))

        return run

    def _weighing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                self._meter.weigh(value)
            return function(*args, **kwargs)

        return run

    def _own_filters(self) -> Mapping[str, Callable[..., Any]]:
        """The filters of the rewriting; a filter that is passed the context is never computed at compile time."""
        meter = self._meter

        @pass_context
        def tick(_: Context, steps: int) -> None:
            meter.spend(steps)

        @pass_context
        def items(_: Context, value: Any) -> Any:
            found = meter.checked(value)
            # Each item costs a step by itself: a loop's condition is computed even where its body never runs.
            meter.spend(len(found) if isinstance(found, Sized) else 0)
            return found

        @pass_context
        def checked(_: Context, value: Any) -> Any:
            return meter.checked(value)

        @pass_context
        def seen(_: Context, value: Any) -> Any:
            meter.weigh(value)
            return value

        @pass_context
        def joined(_: Context, parts: Iterable[Any]) -> str:
            meter.weigh(parts)
            return "".join(map(str, parts))

        return {_TICK: tick, _ITEMS: items, _CHECKED: checked, _SEEN: seen, _JOINED: joined}


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _tick(body: Sequence[nodes.Node], line: int) -> nodes.ExprStmt:
    weight = nodes.Const(1 + sum(_weight(node) for node in body), lineno=line)
    return nodes.ExprStmt(_filtered(weight, _TICK), lineno=line)


def _weight(node: nodes.Node) -> int:
    """What running a node once costs by itself: bodies within are charged when they run."""
    if isinstance(node, nodes.TemplateData):
        return 1 + len(node.data) // LETTERS_PER_STEP
    if isinstance(node, (nodes.For, nodes.Macro, nodes.CallBlock)):
        return 1 + sum(_weight(child) for child in node.iter_child_nodes(exclude=("body",)))
    return 1 + sum(_weight(child) for child in node.iter_child_nodes())


def _require_known_method(method: types.BuiltinMethodType, args: tuple[Any, ...], meter: Meter) -> None:
    owner, name = method.__self__, method.__name__
    allowed = next((names for kind, names in METHODS.items() if isinstance(owner, kind)), frozenset())
    if name not in allowed:
        raise NotRunError(f"it calls {type(owner).__name__}.{name}, which is not run here")
    if isinstance(owner, str) and name in FILTER_GROWTH:
        meter.require_small(FILTER_GROWTH[name](*((args[0], owner) if name == "join" and args else (owner, *args))))


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > _LONGEST_RANGE:
        raise LimitReachedError(f"it counts over more than {_LONGEST_RANGE:,} numbers")
    return numbers


def _tojson(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  # the signature that templates call
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _dict(*args: Any, **members: Any) -> dict[Any, Any]:
    """A function, where Jinja gives the class: templates have no use for its other methods."""
    return dict(*args, **members)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:  # noqa: A002  # the name that templates may pass
    if any(letter.isdigit() for letter in format):
        # The C library pads to any width that a format asks for.
        raise LimitReachedError("it asks for a padded date")
    return _NOW.strftime(format)
