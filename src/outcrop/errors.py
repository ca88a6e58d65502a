"""The whole error tree: every error that Outcrop raises is one of these.

    OutcropError
    ├── RequestError                  a caller must change the request; answered as the AWS error `code`
    │   ├── ValidationError           ValidationException
    │   ├── NotFoundError             ResourceNotFoundException
    │   ├── ConflictError             ConflictException
    │   ├── AccessDeniedError         AccessDeniedException
    │   ├── AuthenticationError       missing, malformed, expired or wrong signature; AWS's own codes
    │   ├── QuotaExceededError        ServiceQuotaExceededException
    │   ├── TooManyTagsError          TooManyTagsException
    │   ├── ThrottledError            ThrottlingException
    │   ├── ModelNotReadyError        ModelNotReadyException
    │   ├── ModelTimeoutError         ModelTimeoutException
    │   ├── ServiceUnavailableError   ServiceUnavailableException
    │   └── ModelFailedError          ModelErrorException
    ├── ImportFailedError             an import's owner must act; the text becomes `failureMessage`
    │   ├── SourceMissingError        a bucket, prefix or object that is not there
    │   ├── SourceDeniedError         the import's role may not read the source
    │   ├── RoleRefusedError          the import's role may not be assumed
    │   ├── SourceChangedError        an object is no longer the one that was pinned
    │   ├── SourceDamagedError        an object's bytes are not those of its stored checksum
    │   ├── SourceUnusableError       a store or an object that no model can be read from
    │   │   └── SourceUnreadableError an object that is archived, or under its owner's own key
    │   ├── NetworkRefusedError       the security groups do not allow a connection that the import needs
    │   ├── NetworkUnknownError       a subnet or security group that means nothing on this server
    │   ├── ModelRejectedError        the checks found errors in the model
    │   └── ProofFailedError          the model was loaded but does not generate
    ├── UnavailableError              something outside is away: wait and try again
    │   └── CredentialsExpiredError   what a request was signed with has expired: sign it anew
    ├── StorageError                  the vault cannot hold the bytes (full, read-only, gone): an operator must act
    │   └── NotEnoughMemoryError      a model does not fit into the memory that is left
    ├── IntegrityError                stored bytes are not those that were sealed: an operator must act
    ├── KeyUnavailableError           a key is unknown, disabled or of the wrong kind: the key's owner must act
    │   └── KeyDeniedError            the key's policy refuses its use
    ├── EngineError                   the inference engine did not start, died, or answered nonsense
    ├── NotTakenError                 a webhook's receiver did not take a message: it is sent again
    ├── IllegalMoveError              a job was not in a state that allows the change: lost a race, or our bug
    └── SettingError                  an operator must correct the setting that it names

Errors carry facts as attributes; the message is built from them, once.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

MIB = 1 << 20


class OutcropError(Exception):
    """Base of all errors that Outcrop raises on purpose."""


# --- the caller's mistakes ---------------------------------------------------------------------------------------


class RequestError(OutcropError):
    """The caller must change the request. `code` is the AWS error name that the wire answers with."""

    code: str = "ValidationException"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that this error adds to the answer."""
        return {}

    @property
    def members(self) -> dict[str, str | int]:
        """Members of the modelled error shape besides `message`."""
        return {}


class ValidationError(RequestError):
    """A member of the request breaks a rule; the message names the member and the rule."""

    code = "ValidationException"


class NotFoundError(RequestError):
    """The job or model that the request names does not exist for this account and region."""

    code = "ResourceNotFoundException"


class ConflictError(RequestError):
    """The request collides with something that exists or is being changed."""

    code = "ConflictException"


class AccessDeniedError(RequestError):
    """The principal is known but not allowed."""

    code = "AccessDeniedException"


class AuthenticationError(RequestError):
    """The request is not signed, or its signature does not hold. `code` is AWS's name for the reason."""

    status: ClassVar[int] = 403

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class QuotaExceededError(RequestError):
    """The account holds as many of these as it may."""

    code = "ServiceQuotaExceededException"


class TooManyTagsError(RequestError):
    """The resource would carry more tags than AWS allows."""

    code = "TooManyTagsException"

    def __init__(self, message: str, *, resource_name: str) -> None:
        super().__init__(message)
        self.resource_name = resource_name

    @property
    def members(self) -> dict[str, str | int]:
        """TooManyTagsException names the resource."""
        return {"resourceName": self.resource_name}


class ThrottledError(RequestError):
    """The account asks faster than it may; the same request later succeeds."""

    code = "ThrottlingException"


class ModelNotReadyError(RequestError):
    """The model is still being loaded; the same request succeeds after `retry_after_s`."""

    code = "ModelNotReadyException"

    def __init__(self, *, retry_after_s: float) -> None:
        # AWS's own sentence (SPEC 7.8.5): clients match on it.
        super().__init__("Model is not ready for inference. Wait and try your request again.")
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """The SDKs' standard retry mode reads this header, in milliseconds (SPEC 1.18)."""
        return {"x-amz-retry-after": str(max(1, round(self.retry_after_s * 1000)))}


class ModelTimeoutError(RequestError):
    """The engine took longer than a request may take."""

    code = "ModelTimeoutException"


class ServiceUnavailableError(RequestError):
    """The server cannot serve now; the same request later may succeed."""

    code = "ServiceUnavailableException"


class ModelFailedError(RequestError):
    """The engine refused or failed this request; the model itself stays in service."""

    code = "ModelErrorException"

    def __init__(self, message: str, *, original_status: int, resource_name: str) -> None:
        super().__init__(message)
        self.original_status = original_status
        self.resource_name = resource_name

    @property
    def members(self) -> dict[str, str | int]:
        """ModelErrorException says what the engine answered, and which model it is about."""
        return {"originalStatusCode": self.original_status, "resourceName": self.resource_name}


# --- reasons for which an import ends as Failed ------------------------------------------------------------------


class ImportFailedError(OutcropError):
    """The import cannot succeed as asked; the job ends as Failed and the message becomes `failureMessage`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SourceMissingError(ImportFailedError):
    """Nothing is at the address; the message names the bucket, prefix or object."""


class SourceDeniedError(ImportFailedError):
    """The credentials of this import may not list or read the source; the message names what was refused.

    `action` is what the store says was missing, in the words of IAM, such as `s3:GetObject`; empty where it is no
    question of rights.
    """

    def __init__(self, message: str, *, action: str = "") -> None:
        super().__init__(message)
        self.action = action


class RoleRefusedError(ImportFailedError):
    """The import's role may not be assumed. Its owner must let the server's principal assume it, or make it."""

    def __init__(self, role_arn: str, code: str) -> None:
        super().__init__(
            f"The role {role_arn} cannot be assumed: {code}. It must exist, and its trust policy must let this server "
            "call sts:AssumeRole on it."
        )
        self.role_arn = role_arn
        self.code = code


class SourceChangedError(ImportFailedError):
    """An object was replaced while it was being imported. Import again when nobody writes to the prefix."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} changed while it was being imported. "
            "Start the import again once the prefix is no longer written to."
        )
        self.key = key


class SourceDamagedError(ImportFailedError):
    """The bytes that were read of an object are not those that the store keeps a checksum of."""

    def __init__(self, key: str, *, algorithm: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{key} was read with {algorithm} {actual}, and the store keeps {expected} for it: the object, or the way "
            "to it, is damaged. Upload the file again."
        )
        self.key = key
        self.expected = expected
        self.actual = actual


class SourceUnusableError(ImportFailedError):
    """The source holds something that cannot be part of a model; the message names it."""


class NetworkRefusedError(ImportFailedError):
    """The import's security groups do not allow a connection; none was opened. The message names all three."""


class NetworkUnknownError(ImportFailedError):
    """The import names subnets or security groups that mean nothing on this server, or cannot be used on it."""

    def __init__(self, kind: str, ids: Sequence[str], reason: str = "not in this server's networks file") -> None:
        verb = "is" if len(ids) == 1 else "are"
        super().__init__(f"The {kind}{'' if len(ids) == 1 else 's'} {', '.join(ids)} {verb} {reason}.")
        self.kind = kind
        self.ids = tuple(ids)


class SourceUnreadableError(SourceUnusableError):
    """An object is there and may be read, and cannot be: it is archived, or under a key that only its owner has."""

    def __init__(self, key: str, *, kind: Literal["archived", "customer_key"], reason: str, cure: str) -> None:
        super().__init__(f"{key} {reason}. {cure}")
        self.key = key
        self.kind = kind
        self.reason = reason
        self.cure = cure


class ModelRejectedError(ImportFailedError):
    """The checks found at least one error in the model; the message is their ranked summary."""


class ProofFailedError(ImportFailedError):
    """The engine loaded the model but did not generate from it, or refused to load it."""


# --- ours and the operator's -------------------------------------------------------------------------------------


class UnavailableError(OutcropError):
    """A store, database, key service or endpoint is away for now. `what` names it; trying again may succeed."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} is not available: {reason}")
        self.what = what
        self.reason = reason
        self.is_waited_out = False
        """Whether somebody has waited for it already, as long as an outage may last."""


class CredentialsExpiredError(UnavailableError):
    """A request was refused since the credentials that it was signed with have expired; fresh ones may do."""


class StorageError(OutcropError):
    """The vault cannot store or return bytes. The operator must free space or repair the mount."""


class NotEnoughMemoryError(StorageError):
    """A model does not fit into memory now. Another one must go, or the operator take a larger machine.

    Attributes:
        needed_bytes: what the model takes.
        available_bytes: what there is.
    """

    def __init__(self, *, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(
            f"the model takes {needed_bytes / MIB:,.0f} MiB of memory, and {max(0, available_bytes) / MIB:,.0f} MiB "
            "are available"
        )
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes


class IntegrityError(OutcropError):
    """Bytes in the vault fail authentication. The operator must find out who changed them."""


class KeyUnavailableError(OutcropError):
    """A key cannot be used. The key's owner must enable it or grant its use."""


class KeyDeniedError(KeyUnavailableError):
    """The key is there, but the server may not use it. The key's owner must change its policy or grants."""


class EngineError(OutcropError):
    """The engine did not start, exited, or gave an answer that is not of its protocol. The operator reads its log."""

    def __init__(self, message: str, *, log_tail: str = "", was_killed: bool = False) -> None:
        super().__init__(message)
        self.log_tail = log_tail
        self.was_killed = was_killed
        """Whether its process was ended by SIGKILL: somebody's, or the kernel's for want of memory, not its own end."""


class NotTakenError(OutcropError):
    """The receiver of a webhook did not take a message; its keeper must act, if it stays so."""

    def __init__(self, problem: str, *, retry_after_s: float | None = None, is_final: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.retry_after_s = retry_after_s
        """When the receiver wants to be asked again, in seconds, where it said so."""
        self.is_final = is_final
        """Whether the receiver says that it will never take it."""


class IllegalMoveError(OutcropError):
    """A state change found zero rows in a state that it may start from."""


class SettingError(OutcropError):
    """A setting has a value that cannot work. `setting` is its flag; start-up stops."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(f"{setting}: {message}")
        self.setting = setting
