"""One thing that is wrong with a model: its stable id, how grave it is for whom, and what to do about it.

Each rule declares the `Kind`s of finding that it can make beside its code, and returns what it made of its input
together with its findings as a `Judged`. Rules never raise for what a model contains.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from outcrop.artifact.wording import printable

Value_co = TypeVar("Value_co", covariant=True)


class Severity(StrEnum):
    """How grave a finding is; only an error stops an import."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return _RANKS[self]


_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Profile(StrEnum):
    """Whose rules are asked: what Outcrop's engine can run, or what AWS documents for Bedrock."""

    OUTCROP = "outcrop"
    BEDROCK = "bedrock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with one file of a model, or with all of it when `file` is empty."""

    id: str
    """Stable, such as `weights.truncated`: programs may match on it."""
    outcrop: Severity
    bedrock: Severity
    file: str
    """Path below the source's prefix, with unprintable characters escaped."""
    message: str
    """What is wrong, in one sentence that holds what was expected and what is there."""
    cure: str
    """What to do, as an instruction."""
    expected: str | None = None
    actual: str | None = None

    def severity(self, profile: Profile) -> Severity:
        """How grave the finding is under a profile."""
        return self.outcrop if profile is Profile.OUTCROP else self.bedrock


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: the id and the severities that its findings have unless a case says otherwise."""

    id: str
    outcrop: Severity
    bedrock: Severity

    def found(
        self,
        file: str,
        message: str,
        *,
        cure: str,
        expected: str | None = None,
        actual: str | None = None,
        outcrop: Severity | None = None,
        bedrock: Severity | None = None,
    ) -> Finding:
        """Makes a finding of this kind; a severity is passed only where a case differs from the kind's own."""
        return Finding(
            id=self.id,
            outcrop=outcrop or self.outcrop,
            bedrock=bedrock or self.bedrock,
            file=printable(file),
            message=message,
            cure=cure,
            expected=expected,
            actual=actual,
        )


def error(identifier: str) -> Kind:
    """A kind that is an error in both profiles."""
    return Kind(identifier, Severity.ERROR, Severity.ERROR)


def warning(identifier: str) -> Kind:
    """A kind that is a warning in both profiles."""
    return Kind(identifier, Severity.WARNING, Severity.WARNING)


def note(identifier: str) -> Kind:
    """A kind that is a note in both profiles."""
    return Kind(identifier, Severity.NOTE, Severity.NOTE)


@dataclass(frozen=True, slots=True)
class Judged(Generic[Value_co]):
    """What a rule made of its input, and what it found; no value means that later rules have nothing to read."""

    value: Value_co | None
    findings: tuple[Finding, ...] = ()
