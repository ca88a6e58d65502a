"""Our errors raise the right exception in botocore's clients."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from outcrop import errors
from outcrop.api.calls import Reply
from outcrop.wire.service import SERVICES, load_operations

ERRORS = {
    "ValidationException": errors.ValidationError("no"),
    "ResourceNotFoundException": errors.NotFoundError("no"),
    "ConflictException": errors.ConflictError("no"),
    "AccessDeniedException": errors.AccessDeniedError("no"),
    "ServiceQuotaExceededException": errors.QuotaExceededError("no"),
    "TooManyTagsException": errors.TooManyTagsError("no", resource_name="arn"),
    "ThrottlingException": errors.ThrottledError("no"),
    "ModelNotReadyException": errors.ModelNotReadyError(retry_after_s=1),
    "ModelTimeoutException": errors.ModelTimeoutError("no"),
    "ModelErrorException": errors.ModelFailedError("no", original_status=500, resource_name="arn"),
    "InternalServerException": RuntimeError("bug"),
    "ServiceUnavailableException": errors.UnavailableError("store", "gone"),
}
PARAMS = {
    "CreateModelImportJob": {
        "jobName": "j",
        "importedModelName": "m",
        "roleArn": "arn:aws:iam::123456789012:role/r",
        "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/p/"}},
    },
    "GetModelImportJob": {"jobIdentifier": "j"},
    "ListModelImportJobs": {},
    "GetImportedModel": {"modelIdentifier": "m"},
    "ListImportedModels": {},
    "DeleteImportedModel": {"modelIdentifier": "m"},
    "TagResource": {"resourceARN": "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef123456", "tags": []},
    "UntagResource": {
        "resourceARN": "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef123456",
        "tagKeys": [],
    },
    "ListTagsForResource": {"resourceARN": "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef123456"},
    "InvokeModel": {"modelId": "m", "body": b"{}"},
    "InvokeModelWithResponseStream": {"modelId": "m", "body": b"{}"},
    "Converse": {"modelId": "m"},
    "ConverseStream": {"modelId": "m"},
    "CountTokens": {"modelId": "m", "input": {"invokeModel": {"body": b"{}"}}},
}
DECLARED = [
    (operation.name, code)
    for operation in load_operations()
    for code in operation.errors
    if code != "ModelStreamErrorException"  # an error of streams; see test_streams
]


def _method(client: Any, name: str) -> Callable[..., Any]:
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    return getattr(client, methods[name])


@pytest.mark.parametrize(("name", "code"), DECLARED)
def test_declared_errors_raise_their_class(
    connect: Callable[..., Any], answering: Callable[..., Any], name: str, code: str
) -> None:
    """Each error that an operation declares arrives as the client's own exception class, with the model's status."""
    client = connect(SERVICES[name], **{name: answering(ERRORS[code])})

    with pytest.raises(getattr(client.exceptions, code)) as caught:
        _method(client, name)(**PARAMS[name])

    (operation,) = load_operations([name])
    metadata = caught.value.response["ResponseMetadata"]
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["Error"]["Message"]
    assert metadata["HTTPStatusCode"] == operation.errors[code].error_status
    assert len(metadata["RequestId"]) == 36


def test_members_of_an_error_arrive(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """ModelErrorException carries the engine's status and the resource."""
    client = connect("bedrock-runtime", InvokeModel=answering(ERRORS["ModelErrorException"]))

    with pytest.raises(client.exceptions.ModelErrorException) as caught:
        client.invoke_model(modelId="m", body=b"{}")

    assert caught.value.response["originalStatusCode"] == 500
    assert caught.value.response["resourceName"] == "arn"


@pytest.mark.parametrize(
    ("service", "params", "path"),
    [
        ("bedrock", {"jobIdentifier": "a" + "-" * 61 + "!"}, "jobIdentifier"),
        ("bedrock", {"jobIdentifier": "bad name!"}, "jobIdentifier"),
        ("bedrock", {"jobIdentifier": "a" * 1012}, "jobIdentifier"),
    ],
)
def test_what_botocore_does_not_check_the_server_does(
    connect: Callable[..., Any], answering: Callable[..., Any], service: str, params: dict[str, Any], path: str
) -> None:
    """The client sends any pattern, maximum and enum (SPEC 1.15)."""
    client = connect(service, GetModelImportJob=answering(Reply()))

    with pytest.raises(client.exceptions.ValidationException, match=f"at '{path}' failed to satisfy constraint"):
        client.get_model_import_job(**params)


def test_a_wrong_secret_is_an_invalid_signature(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """The code is AWS's, though no model declares it."""
    client = connect("bedrock", secret="wrong", ListModelImportJobs=answering(Reply()))

    with pytest.raises(ClientError) as caught:
        client.list_model_import_jobs()

    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_operation_without_handler_is_unknown(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """What Outcrop does not serve is UnknownOperationException, not a broken answer."""
    client = connect("bedrock", ListModelImportJobs=answering(Reply()))

    with pytest.raises(ClientError) as caught:
        client.list_guardrails()

    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
