"""From the parts of an HTTP request to the parameters of an operation, as the shapes say.

What AWS does is done here (measured against AWS by others: the athena-local and SES suites that quote it): unknown
members are ignored, null is absent, also inside lists and maps; a decimal for an integer is cut; a value of the wrong
JSON type is a SerializationException in AWS's words, with the member's path added, since AWS's words alone do not help.

Constraints are not looked at here; see validate.
"""

from collections.abc import Callable, Mapping

from outcrop.wire import json_body
from outcrop.wire.percent import decode
from outcrop.wire.refusals import SerializationError
from outcrop.wire.request import HttpRequest
from outcrop.wire.scalars import FROM_JSON, FROM_TEXT, LIST_FOUND, STRUCTURE_FOUND, MismatchError, ParseValue
from outcrop.wire.service import Operation
from outcrop.wire.shapes import Kind, Location, Member, Shape

Parameters = Mapping[str, object]
Parse = Callable[[Mapping[str, str], HttpRequest], dict[str, object]]
"""From path parameters and request to an operation's parameters. Raises SerializationError, ValidationError."""

_ParseObject = Callable[[object], dict[str, object]]

_PATH_ECHO_CHARACTERS = 300


def compile_parser(operation: Operation) -> Parse:
    """Prepares the parser of an operation's requests."""
    by_location: dict[Location, list[Member]] = {location: [] for location in Location}
    for member in operation.input.members:
        by_location[member.location].append(member)
    labels = by_location[Location.PATH]
    headers = [
        (member.wire_name.lower(), member.name, _text_parser(member.shape)) for member in by_location[Location.HEADER]
    ]
    query = {
        member.wire_name.encode(): (member.name, _text_parser(member.shape)) for member in by_location[Location.QUERY]
    }
    payload = operation.input_payload
    body = {member.wire_name: (member.name, _parser(member.shape)) for member in by_location[Location.JSON]}
    parse_body = _structure_parser(body) if body else None

    def parse(label_values: Mapping[str, str], request: HttpRequest) -> dict[str, object]:
        parameters: dict[str, object] = {member.name: label_values[member.wire_name] for member in labels}
        if query and request.query:
            parameters.update(_parse_query(request.query, query))
        for wire_name, name, parse_text in headers:
            text = request.headers.get(wire_name)
            if text is not None:
                parameters[name] = _at(name, parse_text, text)
        if payload is not None:
            if request.body:
                parameters[payload.name] = request.body
        elif parse_body is not None and request.body:
            parameters.update(_parse_json(request.body, parse_body))
        return parameters

    return parse


# --- query strings ------------------------------------------------------------------------------------------------


def _parse_query(query: bytes, members: Mapping[bytes, tuple[str, ParseValue]]) -> dict[str, object]:
    parameters: dict[str, object] = {}
    for pair in query.split(b"&"):
        raw_name, _, raw_value = pair.partition(b"=")
        found = members.get(raw_name)
        if found is None:  # no modelled name needs encoding, so an encoded one is not ours
            continue
        name, parse_text = found
        # A plus is a space: botocore's own encoder writes it so.
        text = decode(raw_value.replace(b"+", b" "), name=name, place="query string")
        parameters[name] = _at(name, parse_text, text)
    return parameters


# --- JSON bodies --------------------------------------------------------------------------------------------------


def _parse_json(body: bytes, parse_body: _ParseObject) -> dict[str, object]:
    value = json_body.load(body)
    if not isinstance(value, dict):
        raise SerializationError("The request body must be a JSON object.")
    try:
        return parse_body(value)
    except MismatchError as error:
        raise _located(error) from None


def _at(name: str, parse_value: ParseValue, value: object) -> object:
    try:
        return parse_value(value)
    except MismatchError as error:
        error.path.append(name)
        raise _located(error) from None


def _located(error: MismatchError) -> SerializationError:
    path = ".".join(reversed(error.path))[:_PATH_ECHO_CHARACTERS]  # keys of maps may be of any length
    return SerializationError(f"{error.reason} at '{path}'" if path else error.reason)


def _parser(shape: Shape) -> ParseValue:
    if shape.kind is Kind.STRUCTURE:
        return _structure_parser({member.wire_name: (member.name, _parser(member.shape)) for member in shape.members})
    if shape.kind is Kind.LIST and shape.item is not None:
        return _list_parser(_parser(shape.item))
    if shape.kind is Kind.MAP and shape.item is not None:
        return _map_parser(_parser(shape.item))
    return FROM_JSON[shape.kind]


def _structure_parser(members: Mapping[str, tuple[str, ParseValue]]) -> _ParseObject:
    def parse(value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise MismatchError(LIST_FOUND if isinstance(value, list) else "Expected null")
        parsed: dict[str, object] = {}
        for key, item in value.items():
            found = members.get(key)
            if found is None or item is None:
                continue
            try:
                parsed[found[0]] = found[1](item)
            except MismatchError as error:
                error.path.append(key)
                raise
        return parsed

    return parse


def _list_parser(parse_item: ParseValue) -> ParseValue:
    def parse(value: object) -> list[object]:
        if not isinstance(value, list):
            raise MismatchError(STRUCTURE_FOUND if isinstance(value, dict) else "Expected list or null")
        parsed: list[object] = []
        for position, item in enumerate(value, start=1):
            if item is None:
                continue
            try:
                parsed.append(parse_item(item))
            except MismatchError as error:
                error.path.append(f"{position}.member")
                raise
        return parsed

    return parse


def _map_parser(parse_item: ParseValue) -> ParseValue:
    def parse(value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise MismatchError(LIST_FOUND if isinstance(value, list) else "Expected map or null")
        parsed: dict[str, object] = {}
        for key, item in value.items():
            if item is None:
                continue
            try:
                parsed[key] = parse_item(item)
            except MismatchError as error:
                error.path.append(f"{key}.member")
                raise
        return parsed

    return parse


def _text_parser(shape: Shape) -> ParseValue:
    """Headers and query strings are text: numbers and booleans are read from it first."""
    return FROM_TEXT.get(shape.kind) or FROM_JSON[shape.kind]
