"""What botocore's serializer writes, our router and parser read."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings

from outcrop.wire.parse import compile_parser
from outcrop.wire.request import HttpRequest, read_headers
from outcrop.wire.router import Router
from outcrop.wire.service import SERVICES, load_operations

OPERATIONS = load_operations()
ROUTER = Router(OPERATIONS)
CASES = 75
"""Requests made for each operation."""

PARSERS = {operation.name: compile_parser(operation) for operation in OPERATIONS}


def _as_sent(params: dict[str, Any], model: Callable[..., Any]) -> HttpRequest:
    """Returns the request that a botocore client would put on the wire, without the signature."""
    request = create_serializer("rest-json", include_validation=False).serialize_to_request(params, model)
    prepare_request_dict(request, endpoint_url="http://localhost:8025", context={})
    prepared = create_request_object(request).prepare()
    parts = urlsplit(prepared.url)
    pairs = [(name.lower().encode(), _raw(value)) for name, value in prepared.headers.items()]
    return HttpRequest(
        method=prepared.method,
        raw_path=parts.path.encode(),
        query=parts.query.encode(),
        headers=read_headers(pairs),
        body=prepared.body or b"",
    )


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@pytest.mark.parametrize("name", SERVICES)
def test_parameters_arrive_as_they_were_given(model: Callable[..., Any], inputs: dict[str, Any], name: str) -> None:
    """For any parameters of the shapes: the same operation is found, and the same dictionary comes out."""
    cases = 0

    @settings(max_examples=CASES, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
    @given(params=inputs[name])
    def arrive(params: dict[str, Any]) -> None:
        nonlocal cases
        cases += 1
        request = _as_sent(params, model(name))
        route = ROUTER.match(request.method, request.raw_path)
        assert route.operation.name == name
        assert PARSERS[name](route.labels, request) == params

    arrive()

    assert cases >= CASES


def test_a_thousand_requests_are_made() -> None:
    """Fewer cases a run would be a weaker test of the same name."""
    assert CASES * len(SERVICES) >= 1000
