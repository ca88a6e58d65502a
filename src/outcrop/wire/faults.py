"""Any exception as a wire error: the AWS code, its status, and the modelled body.

The status is that of the operation's own error shape, else that of the service's shape of this name, else one from the
table for codes that no model declares. What is not a caller's mistake is InternalServerException with a sentence that
says nothing of our insides; the gateway logs the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.errors import AuthenticationError, RequestError, UnavailableError
from outcrop.wire.serialize import JSON_TYPE, Answer, Headers, dump_json
from outcrop.wire.service import Operation
from outcrop.wire.shapes import Shape

INTERNAL = "InternalServerException"
UNAVAILABLE = "ServiceUnavailableException"

STATUSES: Mapping[str, int] = {
    # Control-plane and runtime models each declare only their own.
    "ConflictException": 400,
    "TooManyTagsException": 400,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    # Codes of AWS's front end, which no model declares.
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "SerializationException": 400,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "ValidationException": 400,
}
"""Statuses of codes outside of the operation's model, and of every code where no operation was found."""

_INTERNAL_MESSAGE = "The service could not answer because of an internal error. Try again, or report the request id."
_UNAVAILABLE_MESSAGE = "The service is not available for the moment. Try your request again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as clients see it."""

    code: str
    status: int
    message: str
    members: Mapping[str, str | int]
    """Modelled members besides `message`."""
    headers: Mapping[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether the fault is the service's, so that an operator needs the trace."""
        return self.status >= 500  # noqa: PLR2004 - HTTP's own boundary


def fault_of(error: Exception, operation: Operation | None) -> Fault:
    """Tells how an error is answered; the operation is None when none was found."""
    if isinstance(error, RequestError):
        shape = _shape(error.code, operation)
        return Fault(
            code=error.code,
            status=_status(error, shape),
            message=error.message,
            members={name: value for name, value in error.members.items() if _declares(shape, name)},
            headers=error.headers,
        )
    if isinstance(error, UnavailableError) and operation is not None and UNAVAILABLE in operation.errors:
        return Fault(code=UNAVAILABLE, status=503, message=_UNAVAILABLE_MESSAGE, members={}, headers={})
    return Fault(code=INTERNAL, status=500, message=_INTERNAL_MESSAGE, members={}, headers={})


def answer_fault(fault: Fault) -> Answer:
    """Writes a fault as a response."""
    headers: Headers = [(b"content-type", JSON_TYPE), (b"x-amzn-errortype", fault.code.encode("latin-1"))]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fault.headers.items()]
    return Answer(status=fault.status, headers=headers, body=fault_body(fault))


def fault_body(fault: Fault) -> bytes:
    """Writes the JSON of a fault, which is the same in responses and in event streams."""
    return dump_json({"message": fault.message, **fault.members})


def _shape(code: str, operation: Operation | None) -> Shape | None:
    if operation is None:
        return None
    return operation.errors.get(code) or operation.service_errors.get(code)


def _status(error: RequestError, shape: Shape | None) -> int:
    if shape is not None and shape.error_status is not None:
        return shape.error_status
    if isinstance(error, AuthenticationError):
        return error.status
    return STATUSES.get(error.code, 400)


def _declares(shape: Shape | None, name: str) -> bool:
    return shape is None or any(member.name == name for member in shape.members)
