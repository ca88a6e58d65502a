"""From method and raw path to an operation."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.errors import RequestError, ValidationError
from outcrop.wire.refusals import UnknownOperationError
from outcrop.wire.router import Router
from outcrop.wire.service import load_operations

ROUTER = Router(load_operations())
ARN = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef123456"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", b"/model-import-jobs", "CreateModelImportJob"),
        ("GET", b"/model-import-jobs", "ListModelImportJobs"),
        ("GET", b"/model-import-jobs/j", "GetModelImportJob"),
        ("GET", b"/imported-models", "ListImportedModels"),
        ("GET", b"/imported-models/m", "GetImportedModel"),
        ("DELETE", b"/imported-models/m", "DeleteImportedModel"),
        ("POST", b"/tagResource", "TagResource"),
        ("POST", b"/untagResource", "UntagResource"),
        ("POST", b"/listTagsForResource", "ListTagsForResource"),
        ("POST", b"/model/m/invoke", "InvokeModel"),
        ("POST", b"/model/m/invoke-with-response-stream", "InvokeModelWithResponseStream"),
        ("POST", b"/model/m/converse", "Converse"),
        ("POST", b"/model/m/converse-stream", "ConverseStream"),
        ("POST", b"/model/m/count-tokens", "CountTokens"),
    ],
)
def test_every_operation_is_found_at_its_address(method: str, path: bytes, name: str) -> None:
    """Method and path lead to exactly one operation."""
    assert ROUTER.match(method, path).operation.name == name


@pytest.mark.parametrize(
    "encoded",
    [
        ARN.replace(":", "%3A").replace("/", "%2F"),
        ARN.replace("/", "%2F"),
        ARN.replace("/", "%2f"),
        ARN,
    ],
)
def test_arns_are_accepted_encoded_half_encoded_and_raw(encoded: str) -> None:
    """Clients differ in what they encode (SPEC 1.9, 1.10); all mean the same model."""
    route = ROUTER.match("POST", f"/model/{encoded}/invoke".encode())

    assert route.operation.name == "InvokeModel"
    assert route.labels == {"modelId": ARN}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", b"/"),
        ("GET", b""),
        ("GET", b"/nothing"),
        ("PUT", b"/model-import-jobs"),
        ("DELETE", b"/model-import-jobs/j"),
        ("GET", b"/model/m/invoke"),
        ("POST", b"/model//invoke"),
        ("POST", b"/model/invoke"),
        ("GET", b"/model-import-jobs/"),
        ("HEAD", b"/imported-models/m"),
    ],
)
def test_other_addresses_are_unknown_operations(method: str, path: bytes) -> None:
    """No such path, a path with another method and an empty parameter have one answer, as in AWS's front end."""
    with pytest.raises(UnknownOperationError):
        ROUTER.match(method, path)


@pytest.mark.parametrize("raw", [b"%", b"%4", b"%zz", b"%C3", b"%ff%fe", b"\xff", b"a%2"])
def test_broken_encodings_are_the_callers_mistake(raw: bytes) -> None:
    """What cannot be decoded is a ValidationException that names the parameter."""
    with pytest.raises(ValidationError, match="jobIdentifier"):
        ROUTER.match("GET", b"/model-import-jobs/" + raw)


@settings(derandomize=True)
@given(st.sampled_from(["GET", "POST", "DELETE"]), st.binary(max_size=60))
def test_no_path_breaks_the_router(method: str, tail: bytes) -> None:
    """Whatever the bytes of a path, the router finds an operation or refuses."""
    for path in (tail, b"/model-import-jobs/" + tail, b"/model/" + tail + b"/invoke"):
        with contextlib.suppress(RequestError):
            ROUTER.match(method, path)
