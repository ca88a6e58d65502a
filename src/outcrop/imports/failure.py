"""What a failed import tells its owner: `failureMessage` for each kind of error."""

from __future__ import annotations

from outcrop.errors import (
    EngineError,
    ImportFailedError,
    IntegrityError,
    KeyUnavailableError,
    OutcropError,
    StorageError,
    UnavailableError,
)

LONGEST_MESSAGE = 2048
"""SPEC 2.0.18."""


def failure_message(error: Exception, *, job_id: str) -> str:
    """Returns the text for `failureMessage`; for errors that are nobody's but ours, one without internals."""
    text = _text(error) or (
        f"The import failed because of an internal error. The server's log has the details under job {job_id}."
    )
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


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
