"""From method and raw path to operation and path parameters.

The path is matched undecoded, since ARNs hold slashes: clients send them as `%2F`, half encoded or wholly raw
(SPEC 1.9, 1.10). A parameter is therefore everything between the literal parts of its template, slashes included; what
it may hold is the business of the model's patterns, whose answer names the value.

Nothing found is UnknownOperationException with 404, and so is a known path with another method: AWS's REST-JSON front
end tells the two apart no better. (bedrock-runtime itself answers unknown paths with 200 and the fault in the body,
which every client takes for a success; that is not copied.)
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from outcrop.wire.percent import decode
from outcrop.wire.refusals import UnknownOperationError
from outcrop.wire.service import Operation

_TEMPLATE = re.compile(r"(?P<prefix>[^{}]*)\{(?P<label>\w+)\}(?P<suffix>[^{}]*)")
_PATH_ECHO_CHARACTERS = 200

_NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a request is for: the operation, and its path parameters, decoded."""

    operation: Operation
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A path with one parameter."""

    method: str
    prefix: bytes
    suffix: bytes
    label: str
    operation: Operation


class Router:
    """Finds operations by address."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._exact: dict[tuple[str, bytes], Route] = {}
        self._templates: list[_Template] = []
        for operation in operations:
            found = _TEMPLATE.fullmatch(operation.path)
            if found is None:
                route = Route(operation=operation, labels=_NO_LABELS)
                self._exact[operation.method, operation.path.encode()] = route
            else:
                template = _Template(
                    method=operation.method,
                    prefix=found["prefix"].encode(),
                    suffix=found["suffix"].encode(),
                    label=found["label"],
                    operation=operation,
                )
                self._templates.append(template)

    def match(self, method: str, raw_path: bytes) -> Route:
        """Finds the route. Raises UnknownOperationError, and ValidationError for a broken percent-encoding."""
        exact = self._exact.get((method, raw_path))
        if exact is not None:
            return exact
        for template in self._templates:
            if (
                method == template.method
                and raw_path.startswith(template.prefix)
                and raw_path.endswith(template.suffix)
                and len(raw_path) > len(template.prefix) + len(template.suffix)
            ):
                raw = raw_path[len(template.prefix) : len(raw_path) - len(template.suffix)]
                return Route(
                    operation=template.operation,
                    labels={template.label: decode(raw, name=template.label, place="path")},
                )
        shown = raw_path[:_PATH_ECHO_CHARACTERS].decode("ascii", "backslashreplace")
        raise UnknownOperationError(f"No operation of this service answers to {method[:20]} {shown}")
