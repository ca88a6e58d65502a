"""From an operation's output to status, headers and body, as the shapes say: given members only, falsy ones kept.

An output that is not of its shape is our own mistake and raises whatever Python finds wrong with it (KeyError for a
member that the model does not know, ValueError for a time without a zone); the gateway answers 500 and logs the trace.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from outcrop.wire.service import Operation
from outcrop.wire.shapes import Kind, Location, Member, Shape
from outcrop.wire.timestamps import format_timestamp

Headers = list[tuple[bytes, bytes]]
"""Response headers as ASGI wants them; names in lower case."""

JSON_TYPE = b"application/json"
EVENT_STREAM_TYPE = b"application/vnd.amazon.eventstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP response; for an event stream all but the frames, which follow an empty body."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


Serialize = Callable[[Mapping[str, object]], Answer]
ToJson = Callable[[object], object]
"""Turns a value of a shape into what the JSON encoder writes."""


def compile_serializer(operation: Operation) -> Serialize:
    """Prepares the serializer of an operation's outputs."""
    members = operation.output.members
    headers = {
        member.name: member.wire_name.lower().encode() for member in members if member.location is Location.HEADER
    }
    write = json_members([member for member in members if member.location is Location.JSON])
    payload = operation.output_payload
    is_json = payload is None and operation.events is None
    default_type = EVENT_STREAM_TYPE if operation.events is not None else JSON_TYPE
    # InvokeModel's own output says what its body is; JSON and event streams have one type each (SPEC 3.1.4, 3.2.2).
    own_type = b"content-type" in headers.values()

    def serialize(output: Mapping[str, object]) -> Answer:
        written: Headers = [] if own_type else [(b"content-type", default_type)]
        inside: dict[str, object] = {}
        body = b""
        for name, value in output.items():
            if value is None:
                continue
            if name in headers:
                written.append((headers[name], str(value).encode("latin-1")))
            elif payload is not None and name == payload.name:
                body = cast("bytes", value)
            else:
                inside[name] = value
        if is_json:
            body = dump_json(write(inside))
        return Answer(status=operation.success_status, headers=written, body=body)

    return serialize


def json_members(members: Iterable[Member]) -> Callable[[Mapping[str, object]], dict[str, object]]:
    """Prepares the writer of a structure with these members."""
    plan = {member.name: (member.wire_name, _writer(member.shape)) for member in members}

    def write(value: Mapping[str, object]) -> dict[str, object]:
        written: dict[str, object] = {}
        for name, item in value.items():
            wire_name, write_item = plan[name]
            if item is not None:
                written[wire_name] = item if write_item is None else write_item(item)
        return written

    return write


def dump_json(value: object) -> bytes:
    """Writes compact JSON in UTF-8."""
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair: engines stream the halves of an emoji apart. Join what joins, replace the rest.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _writer(shape: Shape) -> ToJson | None:
    """Prepares the writer of a shape; None where JSON takes the value as it is."""
    if shape.kind is Kind.STRUCTURE:
        return cast("ToJson", json_members(shape.members))
    if shape.kind is Kind.LIST and shape.item is not None:
        return _list_writer(_writer(shape.item))
    if shape.kind is Kind.MAP and shape.item is not None:
        return _map_writer(_writer(shape.item))
    if shape.kind is Kind.BLOB:
        return lambda value: base64.b64encode(cast("bytes", value)).decode("ascii")
    if shape.kind is Kind.TIMESTAMP:
        return lambda value: format_timestamp(cast("datetime", value))
    return None


def _list_writer(write_item: ToJson | None) -> ToJson | None:
    if write_item is None:
        return None
    return lambda value: [write_item(item) for item in cast("list[object]", value)]


def _map_writer(write_item: ToJson | None) -> ToJson | None:
    if write_item is None:
        return None
    return lambda value: {key: write_item(item) for key, item in cast("dict[str, object]", value).items()}
