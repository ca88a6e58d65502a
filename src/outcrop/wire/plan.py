"""All that can be prepared for an operation before its first request."""

from dataclasses import dataclass

from outcrop.api.calls import Handler
from outcrop.wire.eventstream import EventEncoder
from outcrop.wire.parse import Parse, compile_parser
from outcrop.wire.serialize import Serialize, compile_serializer
from outcrop.wire.service import RUNTIME, Operation
from outcrop.wire.validate import Validate, compile_validator

CONTROL_LIMIT_BYTES = 1024 * 1024
RUNTIME_LIMIT_BYTES = 25_000_000
"""The model's own limit for InvokeModel's body (SPEC 3.1.1), kept for the JSON of its siblings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An operation, compiled."""

    operation: Operation
    parse: Parse
    validate: Validate
    handle: Handler
    serialize: Serialize
    encoder: EventEncoder
    limit_bytes: int
    is_watched: bool
    """Whether the work ends when the client goes: true for inference, whose result nobody would see; control-plane
    calls are short, and one that writes had better finish."""


def prepare(operation: Operation, handler: Handler) -> Plan:
    """Compiles an operation for its handler."""
    is_runtime = operation.service == RUNTIME
    return Plan(
        operation=operation,
        parse=compile_parser(operation),
        validate=compile_validator(operation),
        handle=handler,
        serialize=compile_serializer(operation),
        encoder=EventEncoder(operation),
        limit_bytes=RUNTIME_LIMIT_BYTES if is_runtime else CONTROL_LIMIT_BYTES,
        is_watched=is_runtime,
    )
