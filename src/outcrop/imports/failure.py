"""What a failed import tells its owner: `failureMessage` for each kind of error."""

from __future__ import annotations

from enum import StrEnum

from outcrop.errors import (
    EngineError,
    ImportFailedError,
    IntegrityError,
    KeyUnavailableError,
    ModelRejectedError,
    NetworkRefusedError,
    NetworkUnknownError,
    OutcropError,
    ProofFailedError,
    RoleRefusedError,
    SourceChangedError,
    SourceDamagedError,
    SourceDeniedError,
    SourceMissingError,
    SourceUnusableError,
    StorageError,
    UnavailableError,
)


class FailureCause(StrEnum):
    """Why imports fail, as they are counted."""

    SOURCE_MISSING = "source_missing"
    SOURCE_DENIED = "source_denied"
    ROLE_REFUSED = "role_refused"
    NETWORK_REFUSED = "network_refused"
    SOURCE_CHANGED = "source_changed"
    SOURCE_DAMAGED = "source_damaged"
    SOURCE_UNUSABLE = "source_unusable"
    MODEL_REJECTED = "model_rejected"
    PROOF_FAILED = "proof_failed"
    OUTAGE = "outage"
    """Something was away for longer than an import waits."""
    KEY = "key"
    STORAGE = "storage"
    INTEGRITY = "integrity"
    ENGINE = "engine"
    GIVEN_UP = "given_up"
    """Each worker that had it died."""
    INTERNAL = "internal"


LONGEST_MESSAGE = 2048
"""SPEC 2.0.18."""


def failure_message(error: Exception, *, job_id: str) -> str:
    """Returns the text for `failureMessage`; for errors that are nobody's but ours, one without internals."""
    text = _text(error) or (
        f"The import failed because of an internal error. The server's log has the details under job {job_id}."
    )
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def failure_cause(error: Exception) -> FailureCause:
    """Returns the cause by which a failure is counted: the error's class decides, never its words."""
    return next((_CAUSES[kind] for kind in type(error).__mro__ if kind in _CAUSES), FailureCause.INTERNAL)


def is_expected(error: Exception) -> bool:
    """Says whether the error has a message for the import's owner; others are logged with their trace."""
    return _text(error) is not None


def _text(error: Exception) -> str | None:
    if isinstance(error, ImportFailedError):
        return error.message
    if isinstance(error, UnavailableError):
        return f"{error}. It was away for longer than an import waits; start the import again once it is back."
    for kind, beginning in _BEGINNINGS.items():
        if isinstance(error, kind):
            return f"{beginning}: {error}"
    return None


_BEGINNINGS: dict[type[OutcropError], str] = {
    KeyUnavailableError: "The model's key cannot be used",
    StorageError: "The model could not be stored",
    IntegrityError: "What was stored is not what was read",
    EngineError: "The inference engine failed",
}

_CAUSES: dict[type, FailureCause] = {
    SourceMissingError: FailureCause.SOURCE_MISSING,
    SourceDeniedError: FailureCause.SOURCE_DENIED,
    RoleRefusedError: FailureCause.ROLE_REFUSED,
    NetworkRefusedError: FailureCause.NETWORK_REFUSED,
    NetworkUnknownError: FailureCause.NETWORK_REFUSED,
    SourceChangedError: FailureCause.SOURCE_CHANGED,
    SourceDamagedError: FailureCause.SOURCE_DAMAGED,
    SourceUnusableError: FailureCause.SOURCE_UNUSABLE,
    ModelRejectedError: FailureCause.MODEL_REJECTED,
    ProofFailedError: FailureCause.PROOF_FAILED,
    UnavailableError: FailureCause.OUTAGE,
    KeyUnavailableError: FailureCause.KEY,
    StorageError: FailureCause.STORAGE,
    IntegrityError: FailureCause.INTEGRITY,
    EngineError: FailureCause.ENGINE,
}
