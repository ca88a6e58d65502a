"""What our serializer writes, botocore's parser reads."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.wire.serialize import compile_serializer
from outcrop.wire.service import SERVICES, load_operations

SERIALIZERS = {operation.name: compile_serializer(operation) for operation in load_operations()}


@pytest.mark.parametrize("name", SERVICES)
@settings(max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_outputs_arrive_as_they_were_given(
    model: Callable[..., Any], outputs: dict[str, Any], name: str, data: st.DataObject
) -> None:
    """For any output of the shapes: botocore's client sees the same dictionary."""
    output = data.draw(outputs[name])
    shape = model(name).output_shape
    payload = shape.serialization.get("payload")

    answer = SERIALIZERS[name](output)
    response = {
        "status_code": answer.status,
        "headers": HeadersDict({key.decode(): value.decode("latin-1") for key, value in answer.headers}),
        # Clients read payloads as they come; the parser only passes them on. Events have a test of their own.
        "body": answer.body if payload is None else object(),
        "context": {"operation_name": name},
    }
    parsed = create_parser("rest-json").parse(response, shape)

    parsed.pop("ResponseMetadata")
    if payload is not None:
        parsed.pop(payload)
        assert answer.body == output.pop(payload, b"")
    assert parsed == output
