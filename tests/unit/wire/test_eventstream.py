"""Event-stream frames, byte by byte."""

import json
import struct
from binascii import crc32
from collections.abc import Callable
from typing import Any

import pytest

from outcrop.errors import (
    ModelFailedError,
    ModelNotReadyError,
    ModelTimeoutError,
    ThrottledError,
    UnavailableError,
    ValidationError,
)
from outcrop.wire.eventstream import EventEncoder
from outcrop.wire.faults import fault_of
from outcrop.wire.service import Operation

# Never edit these bytes to make a test pass: clients in the field read them.
CHUNK = (
    b"\x00\x00\x00\x6b"  # length of the frame: 12 of prelude, 75 of headers, 16 of payload, 4 of checksum
    b"\x00\x00\x00\x4b"  # length of the headers
    b"\x6a\xce\x01\x2d"  # CRC32 of the eight bytes before
    b"\x0b:event-type"  # name of a header, its length in front
    b"\x07\x00\x05chunk"  # type 7 (string), length of the value in two bytes, the value: the union's member
    b"\x0d:content-type"
    b"\x07\x00\x10application/json"
    b"\x0d:message-type"
    b"\x07\x00\x05event"
    b'{"bytes":"e30="}'  # payload: the model's JSON, here {}, in base64 (SPEC 3.3.3)
    b"\x36\x51\xdb\xfe"  # CRC32 of everything before
)


@pytest.fixture(scope="session")
def encoder(operation: Callable[[str], Operation]) -> Callable[..., Any]:
    """Returns the encoder of a streaming operation."""
    return lambda name="InvokeModelWithResponseStream": EventEncoder(operation(name))


def _read(frame: bytes) -> tuple[dict[str, str], dict]:
    """Takes a frame apart by hand, checking lengths and checksums."""
    total, headers_length, prelude_crc = struct.unpack(">III", frame[:12])
    assert (total, prelude_crc) == (len(frame), crc32(frame[:8]))
    assert struct.unpack(">I", frame[-4:])[0] == crc32(frame[:-4])
    raw, headers = frame[12 : 12 + headers_length], {}
    while raw:
        name, raw = raw[1 : 1 + raw[0]], raw[1 + raw[0] :]
        kind, length = struct.unpack(">BH", raw[:3])
        assert kind == 7
        headers[name.decode()], raw = raw[3 : 3 + length].decode(), raw[3 + length :]
    return headers, json.loads(frame[12 + headers_length : -4])


def test_a_chunk_is_these_bytes(encoder: Callable[..., Any]) -> None:
    """The frame of an InvokeModelWithResponseStream chunk, to the last bit (SPEC 3.3)."""
    assert encoder().event({"chunk": {"bytes": b"{}"}}) == CHUNK


def test_events_carry_their_members_at_top_level(encoder: Callable[..., Any]) -> None:
    """ConverseStream's payload is the event's own structure (SPEC 3.5.4)."""
    frame = encoder("ConverseStream").event({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}})

    assert _read(frame) == (
        {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"},
        {"contentBlockIndex": 0, "delta": {"text": "Hi"}},
    )


def test_exceptions_are_the_last_frame(encoder: Callable[..., Any], operation: Callable[[str], Operation]) -> None:
    """Headers as in a captured frame of the real service (SPEC 3.3.4)."""
    fault = fault_of(ValidationError("The model returned errors"), operation("ConverseStream"))

    assert _read(encoder("ConverseStream").exception(fault)) == (
        {
            ":exception-type": "validationException",
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        {"message": "The model returned errors"},
    )


@pytest.mark.parametrize(
    ("name", "error", "streamed"),
    [
        ("ConverseStream", ThrottledError("slow down"), "throttlingException"),
        ("ConverseStream", ModelTimeoutError("late"), "modelStreamErrorException"),
        ("InvokeModelWithResponseStream", ModelTimeoutError("late"), "modelTimeoutException"),
        ("ConverseStream", ModelNotReadyError(retry_after_s=1), "serviceUnavailableException"),
        ("ConverseStream", UnavailableError("store", "gone"), "serviceUnavailableException"),
        ("ConverseStream", RuntimeError("bug"), "internalServerException"),
        (
            "ConverseStream",
            ModelFailedError("no", original_status=500, resource_name="arn"),
            "modelStreamErrorException",
        ),
    ],
)
def test_every_fault_has_a_name_in_the_union(
    encoder: Callable[..., Any], operation: Callable[[str], Operation], name: str, error: Exception, streamed: str
) -> None:
    """What the union does not declare goes under the nearest name that it does (SPEC 3.5.3)."""
    headers, _ = _read(encoder(name).exception(fault_of(error, operation(name))))

    assert headers[":exception-type"] == streamed


def test_engine_failures_keep_what_the_stream_error_declares(
    encoder: Callable[..., Any], operation: Callable[[str], Operation]
) -> None:
    """ModelStreamErrorException has the original status and message, and no resource name."""
    error = ModelFailedError("engine died", original_status=500, resource_name="arn")

    _, payload = _read(encoder().exception(fault_of(error, operation("InvokeModelWithResponseStream"))))

    assert payload == {"message": "engine died", "originalStatusCode": 500, "originalMessage": "engine died"}


@pytest.mark.parametrize("event", [{}, {"chunk": {}, "metadata": {}}, {"nonsense": {}}, {"chunk": {"text": "x"}}])
def test_events_that_are_not_of_the_union_are_our_bugs(encoder: Callable[..., Any], event: Any) -> None:
    """Exactly one member that the union knows, with members that it knows."""
    with pytest.raises((ValueError, KeyError)):
        encoder().event(event)
