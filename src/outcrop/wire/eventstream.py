"""Frames of the AWS event stream (SPEC 3.3), written from the modelled union of an operation's events.

4 bytes  length of the whole frame          4 bytes  CRC32 of the eight bytes before
4 bytes  length of the headers              then headers, payload, and 4 bytes CRC32 of everything before

header:  1 byte length of name, name, 1 byte type (7, string), 2 bytes length of value, value; big endian throughout
"""

import struct
from binascii import crc32
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outcrop.api.calls import Event
from outcrop.wire.faults import INTERNAL, Fault, fault_body
from outcrop.wire.serialize import dump_json, json_members
from outcrop.wire.service import Operation

_STRING = 7
_CRC_BYTES = 4
_PRELUDE_BYTES = 12

STREAM_ERROR = "ModelStreamErrorException"

_STREAMED_AS: Mapping[str, str] = {
    # What the engine does wrong after the first event is an error of the stream; so is its running out of time where
    # the union has no event for that, as in ConverseStream (SPEC 3.5.3).
    "ModelErrorException": STREAM_ERROR,
    "ModelTimeoutException": STREAM_ERROR,
    "ModelNotReadyException": "ServiceUnavailableException",
}


@dataclass(frozen=True, slots=True)
class _Event:
    """What an event of the union needs to be written."""

    headers: bytes
    write: Callable[[Mapping[str, object]], dict[str, object]]


class EventEncoder:
    """Writes the events of one operation."""

    def __init__(self, operation: Operation) -> None:
        union = operation.events
        members = union.members if union is not None else ()
        self._events = {
            member.name: _Event(_headers("event", member.name), json_members(member.shape.members))
            for member in members
            if member.shape.error_status is None
        }
        self._exceptions = {member.shape.name: member for member in members if member.shape.error_status is not None}

    def event(self, event: Event) -> bytes:
        """Writes an event: a mapping with exactly one member of the union."""
        ((name, value),) = event.items()
        known = self._events[name]
        return _frame(known.headers, dump_json(known.write(value)))

    def exception(self, fault: Fault) -> bytes:
        """Writes a fault as the last frame of a stream, under the nearest name that the union has for it."""
        code = fault.code if fault.code in self._exceptions else _STREAMED_AS.get(fault.code, "")
        if code not in self._exceptions:
            code = INTERNAL if fault.is_ours else "ValidationException"
        member = self._exceptions[code]
        declared = {known.name for known in member.shape.members}
        kept = {name: value for name, value in fault.members.items() if name in declared}
        if code == STREAM_ERROR:
            kept.setdefault("originalMessage", fault.message)
        streamed = Fault(code=code, status=fault.status, message=fault.message, members=kept, headers={})
        return _frame(_headers("exception", member.name), fault_body(streamed))


def _headers(message_type: str, name: str) -> bytes:
    """The three headers of a frame, in the order in which AWS sends them."""
    return b"".join(
        _header(key, value)
        for key, value in (
            (f":{message_type}-type", name),
            (":content-type", "application/json"),
            (":message-type", message_type),
        )
    )


def _header(name: str, value: str) -> bytes:
    raw_name, raw_value = name.encode(), value.encode()
    return struct.pack(f">B{len(raw_name)}sBH", len(raw_name), raw_name, _STRING, len(raw_value)) + raw_value


def _frame(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", _PRELUDE_BYTES + len(headers) + len(payload) + _CRC_BYTES, len(headers))
    checked = b"".join((prelude, struct.pack(">I", crc32(prelude)), headers, payload))
    return checked + struct.pack(">I", crc32(checked))
