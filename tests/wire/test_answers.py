"""What our serializer writes, botocore's parser reads."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings

from outcrop.wire.serialize import compile_serializer
from outcrop.wire.service import SERVICES, load_operations

CASES = 105
"""Answers of each operation that has any but one."""

WITH_OUTPUT = set(SERVICES) - {"DeleteImportedModel", "TagResource", "UntagResource", "ConverseStream"}
"""The others answer nothing, or nothing but events."""

SERIALIZERS = {operation.name: compile_serializer(operation) for operation in load_operations()}


@pytest.mark.parametrize("name", SERVICES)
def test_outputs_arrive_as_they_were_given(model: Callable[..., Any], outputs: dict[str, Any], name: str) -> None:
    """For any output of the shapes: botocore's client sees the same dictionary."""
    shape = model(name).output_shape
    cases = 0

    @settings(max_examples=CASES, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
    @given(output=outputs[name])
    def arrive(output: dict[str, Any]) -> None:
        nonlocal cases
        cases += 1
        assert _read_back(name, output, shape) == output

    arrive()

    assert cases >= (CASES if name in WITH_OUTPUT else 1)


def test_a_thousand_answers_are_read() -> None:
    """Fewer cases a run would be a weaker test of the same name."""
    assert CASES * len(WITH_OUTPUT) >= 1000


def _read_back(name: str, output: dict[str, Any], shape: Any) -> dict[str, Any]:
    """What botocore's parser makes of our answer."""
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
        if answer.body:
            parsed[payload] = answer.body
    return dict(parsed)
