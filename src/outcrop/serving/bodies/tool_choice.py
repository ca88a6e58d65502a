"""Makes a model call a tool where an engine cannot be told to, but can be held to a JSON schema. Pure.

vLLM takes a tool choice only with a parser for the model's own form of calls, which is chosen when it starts. What it
holds to this schema is a call in the plainest form, which serving/tool_calls.py reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue

OTHER_CONSTRAINTS = ("response_format", "structured_outputs")


def call_schema(tools: JsonValue, choice: JsonValue) -> JsonObject:
    """Returns the schema of one call: of the tool that a choice names, or of any.

    Raises:
        ValidationError: there is no such tool.
    """
    functions = [function for tool in _objects(tools) for function in _objects([tool.get("function")])]
    name = _named(choice)
    schemas = [_schema(function) for function in functions if name is None or function.get("name") == name]
    if not schemas:
        raise ValidationError(f"tool_choice: there is no tool {name}")
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def require_alone(options: JsonObject) -> None:
    """Raises ValidationError for a tool choice beside another constraint: one reply cannot keep both."""
    for member in OTHER_CONSTRAINTS:
        if member in options:
            raise ValidationError(f"tool_choice: cannot be combined with {member}")


def _named(choice: JsonValue) -> str | None:
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if isinstance(choice, Mapping) and not isinstance(name, str):
        raise ValidationError("tool_choice.function.name: is required")
    return name if isinstance(name, str) else None


def _schema(function: JsonObject) -> JsonObject:
    parameters = function.get("parameters")
    return {
        "type": "object",
        "properties": {
            "name": {"const": function.get("name")},
            "arguments": parameters if isinstance(parameters, Mapping) and parameters else {"type": "object"},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _objects(value: JsonValue) -> Sequence[JsonObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
