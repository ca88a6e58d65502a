"""What an answer must be, whatever was asked: the shapes of the model, and AWS's common errors besides."""

import json
import re
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from outcrop.wire.service import SERVICES

COMMON = {
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "AccessDeniedException": 403,
    "SerializationException": 400,
    "ValidationException": 400,
    "UnknownOperationException": 404,
}
"""Errors that any operation may answer with, and their status."""

REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}")
SHOWN_CHARACTERS = 2000

_MODELS = {
    service: ServiceModel(Loader().load_service_model(service, "service-2"), service)
    for service in set(SERVICES.values())
}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A whole response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def require_modelled(answer: Answered, *, method: str, operation: str | None, told: str) -> None:
    """Fails with what was told unless an answer is one of this operation; empty for none at all, None for any."""
    wrong = _wrong_with(answer, method, operation)
    if wrong is not None:
        raise AssertionError(f"{wrong}\n{answer}\n{told}"[:SHOWN_CHARACTERS])


def _wrong_with(answer: Answered, method: str, operation: str | None) -> str | None:
    headers = dict(answer.headers)
    if len(headers) != len(answer.headers):
        return "a header is given twice"
    if REQUEST_ID.fullmatch(headers.get("x-amzn-requestid", "")) is None:
        return "no request id"
    if method == "HEAD":
        is_refused = headers.get("x-amzn-errortype") == "UnknownOperationException"
        return None if is_refused and not answer.body else "HEAD is no method of the model, and has no body"
    if "content-length" in headers and int(headers["content-length"]) != len(answer.body):
        return "the length is wrong"
    if answer.status < 300:  # what HTTP calls success
        return _wrong_success(answer, headers, operation)
    return _wrong_error(answer, headers, operation)


def _wrong_success(answer: Answered, headers: dict[str, str], operation: str | None) -> str | None:
    if operation is None:
        return None
    if not operation:
        return "a success of no operation"
    model = _MODELS[SERVICES[operation]].operation_model(operation)
    if answer.status != model.http.get("responseCode", 200):
        return "not the status of its success"
    is_raw = model.output_shape is not None and model.output_shape.serialization.get("payload") is not None
    response = {
        "status_code": answer.status,
        "headers": HeadersDict(headers),
        "body": object() if is_raw else answer.body,
        "context": {"operation_name": operation},
    }
    create_parser("rest-json").parse(response, model.output_shape)
    return None


def _wrong_error(answer: Answered, headers: dict[str, str], operation: str | None) -> str | None:
    if headers.get("content-type") != "application/json":
        return "not JSON"
    code = headers.get("x-amzn-errortype", "")
    body: dict[str, Any] = json.loads(answer.body)
    among = SERVICES if operation is None else [operation] if operation else []
    models = [_MODELS[SERVICES[name]].operation_model(name) for name in among]
    declared = {shape.name: shape for model in models for shape in model.error_shapes}
    shape = declared.get(code)
    if shape is None and code not in COMMON:
        return "an error that is neither declared nor common"
    status = COMMON.get(code) if shape is None else shape.metadata["error"]["httpStatusCode"]
    members = {"message"} if shape is None else set(shape.members)
    if answer.status != status or answer.status >= 500:  # what HTTP calls a fault of ours
        return "not the status of its error"
    if not set(body) <= members or not isinstance(body.get("message"), str) or not body["message"]:
        return "not the body of its error"
    return None
