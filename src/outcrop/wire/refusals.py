"""Refusals of the protocol itself, before any operation has a say. The codes are AWS's; no model declares them."""

from outcrop.errors import RequestError, ValidationError


class UnknownOperationError(RequestError):
    """No operation answers to this method and path; the caller must correct the address."""

    code = "UnknownOperationException"


class SerializationError(RequestError):
    """The request cannot be read as what the model says; the caller must correct its form."""

    code = "SerializationException"


class BodyTooLargeError(ValidationError):
    """The body is larger than the service takes. Answered as ValidationException, which every operation declares."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body must not be larger than {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class BodyBrokenError(SerializationError):
    """The body broke off, or its chunks are none; the caller must send it whole."""

    def __init__(self) -> None:
        super().__init__("The request body ended before it was complete.")


class BodyTimeoutError(ValidationError):
    """The body did not arrive in time; the caller must send faster. Answered like BodyTooLargeError."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"The request body did not arrive within {timeout_s:g} seconds.")
        self.timeout_s = timeout_s
