"""Errors on the wire."""

import inspect
import json
from collections.abc import Callable

import pytest

from outcrop import errors
from outcrop.errors import (
    AuthenticationError,
    ConflictError,
    ModelFailedError,
    ModelNotReadyError,
    NotFoundError,
    RequestError,
    TooManyTagsError,
    UnavailableError,
    ValidationError,
)
from outcrop.wire import refusals
from outcrop.wire.faults import STATUSES, answer_fault, fault_of
from outcrop.wire.service import Operation

REQUEST_ERRORS = [
    kind
    for module in (errors, refusals)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, RequestError) and kind not in (RequestError, AuthenticationError)
]


def test_an_error_is_code_header_status_and_message(operation: Callable[[str], Operation]) -> None:
    """What botocore reads: x-amzn-ErrorType and `message` (SPEC 1.13)."""
    answer = answer_fault(fault_of(NotFoundError("no such job"), operation("GetModelImportJob")))

    assert answer.status == 404
    assert dict(answer.headers) == {
        b"content-type": b"application/json",
        b"x-amzn-errortype": b"ResourceNotFoundException",
    }
    assert json.loads(answer.body) == {"message": "no such job"}


def test_the_operations_own_shape_gives_the_status(operation: Callable[[str], Operation]) -> None:
    """ConflictException is 400 here, whatever it is elsewhere (SPEC 2.0.19)."""
    assert fault_of(ConflictError("taken"), operation("CreateModelImportJob")).status == 400


def test_members_of_the_shape_are_sent(operation: Callable[[str], Operation]) -> None:
    """TooManyTagsException names the resource, ModelErrorException the engine's status."""
    tags = fault_of(TooManyTagsError("51 tags", resource_name="arn"), operation("TagResource"))
    model = fault_of(
        ModelFailedError("engine said no", original_status=422, resource_name="arn"), operation("InvokeModel")
    )

    assert json.loads(answer_fault(tags).body) == {"message": "51 tags", "resourceName": "arn"}
    assert json.loads(answer_fault(model).body) == {
        "message": "engine said no",
        "originalStatusCode": 422,
        "resourceName": "arn",
    }


def test_members_that_no_shape_declares_are_not_sent(operation: Callable[[str], Operation]) -> None:
    """An error of the other service keeps its code, and no body that no model knows."""
    fault = fault_of(TooManyTagsError("51 tags", resource_name="arn"), operation("UntagResource"))

    assert (fault.status, fault.members) == (400, {"resourceName": "arn"})  # the service has the shape
    assert fault_of(NotFoundError("x"), operation("ListImportedModels")).status == 404


def test_headers_of_the_error_are_sent(operation: Callable[[str], Operation]) -> None:
    """ModelNotReadyException says when to try again, which the SDKs' standard mode reads (SPEC 1.18)."""
    answer = answer_fault(fault_of(ModelNotReadyError(retry_after_s=2.5), operation("InvokeModel")))

    assert answer.status == 429
    assert (b"x-amz-retry-after", b"2500") in answer.headers


@pytest.mark.parametrize("kind", REQUEST_ERRORS, ids=lambda kind: kind.__name__)
def test_every_request_error_has_a_status_of_its_own(
    operation: Callable[[str], Operation], kind: type[RequestError]
) -> None:
    """Each code has a status, from a model or from the table: none falls through to the default."""
    codes = {code for name in ("TagResource", "InvokeModel") for code in operation(name).service_errors}

    assert kind.code in codes | set(STATUSES)


@pytest.mark.parametrize(
    "code",
    [
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "AccessDeniedException",
    ],
)
@pytest.mark.parametrize("name", ["GetModelImportJob", "Converse", None])
def test_authentication_errors_are_403(operation: Callable[[str], Operation], code: str, name: str | None) -> None:
    """Codes that no model declares have the status that the error says."""
    assert fault_of(AuthenticationError(code, "no"), None if name is None else operation(name)).status == 403


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValidationError("x"), 400),
        (refusals.SerializationError("x"), 400),
        (refusals.UnknownOperationError("x"), 404),
        (refusals.BodyTooLargeError(1), 400),
    ],
)
def test_errors_without_an_operation_have_a_status(error: Exception, status: int) -> None:
    """What is refused before an operation is found is answered as well."""
    assert fault_of(error, None).status == status


def test_our_own_faults_tell_nothing(operation: Callable[[str], Operation]) -> None:
    """Whatever broke, the answer is one sentence without insides."""
    fault = fault_of(KeyError("/srv/secret/path"), operation("GetModelImportJob"))

    assert (fault.code, fault.status, fault.is_ours) == ("InternalServerException", 500, True)
    assert "secret" not in fault.message


def test_what_is_away_is_503_where_the_model_has_it(operation: Callable[[str], Operation]) -> None:
    """Runtime operations declare ServiceUnavailableException; control-plane ones have only InternalServerException."""
    error = UnavailableError("postgres", "host db.internal refused")

    runtime, control = fault_of(error, operation("Converse")), fault_of(error, operation("GetModelImportJob"))

    assert (runtime.code, runtime.status) == ("ServiceUnavailableException", 503)
    assert (control.code, control.status) == ("InternalServerException", 500)
    assert "internal refused" not in runtime.message
