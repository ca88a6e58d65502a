"""Everything that was found about a model, ranked, with a verdict for each profile. Pure; JSON in and out.

`to_json` gives what `outcrop check --json` prints, what is kept with a job and served at `/outcrop/import-jobs/…`:

    schema        "outcrop.report/1"; members may be added under the same name, none is removed or changed
    verdicts      {"outcrop": …, "bedrock": …}, each {"importable": bool, "errors": n, "warnings": n, "notes": n};
                  the counts include what `omitted` leaves out
    facts         null, or {"architecture", "is_instruct", "parameters", "weight_bytes", "context_length",
                  "custom_model_units"}
    fit           null, or {"modality", "precisions": [..], "tensors", "weight_files", "vocabulary",
                  "cache_bytes_per_token", "memory_bytes"}
    findings      gravest first, each {"id", "severity": {"outcrop": s, "bedrock": s}, "file", "message", "cure",
                  "expected": text or null, "actual": text or null} where s is "error", "warning" or "note"
    omitted       {id: n}: how many findings of a kind were counted but not listed
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

from outcrop.artifact.finding import Finding, Profile, Severity
from outcrop.artifact.fit import Fit
from outcrop.artifact.summary import summarise
from outcrop.records import JsonObject, JsonValue, ModelFacts

SCHEMA = "outcrop.report/1"

LISTED_OF_A_KIND = 50
"""Findings of one kind that a report lists; the rest is counted. A model of 30,000 misnamed tensors stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a profile says of the model."""

    errors: int
    warnings: int
    notes: int

    @property
    def is_importable(self) -> bool:
        """Only errors stop an import."""
        return self.errors == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `examine` returns."""

    findings: tuple[Finding, ...]
    """Gravest first; among equals, causes before consequences."""
    verdicts: Mapping[Profile, Verdict]
    facts: ModelFacts | None
    """None when the model could not be read far enough; there is then an error in both profiles."""
    fit: Fit | None
    omitted: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def collect(
        cls, findings: Iterable[Finding], *, facts: ModelFacts | None = None, fit: Fit | None = None
    ) -> "Report":
        """Ranks findings, which come in the order of causes; takes any number of them one by one."""
        listed: list[Finding] = []
        of_kind: Counter[str] = Counter()
        graveness: dict[Profile, Counter[Severity]] = {profile: Counter() for profile in Profile}
        for finding in findings:
            of_kind[finding.id] += 1
            for profile, counts in graveness.items():
                counts[finding.severity(profile)] += 1
            if of_kind[finding.id] <= LISTED_OF_A_KIND:
                listed.append(finding)
        return cls(
            findings=tuple(sorted(listed, key=lambda found: (found.outcrop.rank, found.bedrock.rank))),
            verdicts={profile: _verdict(counts) for profile, counts in graveness.items()},
            facts=facts,
            fit=fit,
            omitted={kind: count - LISTED_OF_A_KIND for kind, count in of_kind.items() if count > LISTED_OF_A_KIND},
        )

    def is_importable(self, profile: str) -> bool:
        """Whether a profile finds no error."""
        return self.verdicts[Profile(profile)].is_importable

    def ranked(self, profile: str) -> tuple[Finding, ...]:
        """The findings, gravest first under a profile."""
        return tuple(sorted(self.findings, key=lambda found: found.severity(Profile(profile)).rank))

    def summary(self, *, profile: str = Profile.OUTCROP, limit: int = 2048) -> str:
        """Returns the errors in words, gravest first, for `failureMessage` (SPEC 2.0.18: at most 2,048 characters)."""
        verdict = self.verdicts[Profile(profile)]
        return summarise(
            [found for found in self.ranked(profile) if found.severity(Profile(profile)) is Severity.ERROR],
            errors=verdict.errors,
            warnings=verdict.warnings,
            limit=limit,
        )

    def to_json(self) -> JsonObject:
        """Returns the documented form."""
        return {
            "schema": SCHEMA,
            "verdicts": {
                profile.value: {"importable": verdict.is_importable, **asdict(verdict)}
                for profile, verdict in self.verdicts.items()
            },
            "facts": None if self.facts is None else asdict(self.facts),
            "fit": None if self.fit is None else self.fit.to_json(),
            "findings": [_finding_to_json(found) for found in self.findings],
            "omitted": dict(self.omitted),
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "Report":
        """Reads what `to_json` wrote; members that a later version added are left aside."""
        verdicts, facts, fit = _object(document["verdicts"]), document["facts"], document["fit"]
        return cls(
            findings=tuple(
                _finding_from_json(_object(item)) for item in cast("Sequence[JsonValue]", document["findings"])
            ),
            verdicts={profile: _verdict_from_json(_object(verdicts[profile.value])) for profile in Profile},
            facts=None if facts is None else _facts_from_json(_object(facts)),
            fit=None if fit is None else Fit.from_json(_object(fit)),
            omitted={kind: _integer(count) for kind, count in _object(document["omitted"]).items()},
        )


def _verdict(counts: Mapping[Severity, int]) -> Verdict:
    return Verdict(
        errors=counts.get(Severity.ERROR, 0),
        warnings=counts.get(Severity.WARNING, 0),
        notes=counts.get(Severity.NOTE, 0),
    )


def _finding_to_json(found: Finding) -> JsonObject:
    return {
        "id": found.id,
        "severity": {profile.value: found.severity(profile).value for profile in Profile},
        "file": found.file,
        "message": found.message,
        "cure": found.cure,
        "expected": found.expected,
        "actual": found.actual,
    }


def _finding_from_json(document: JsonObject) -> Finding:
    severity = _object(document["severity"])
    return Finding(
        id=str(document["id"]),
        outcrop=Severity(str(severity[Profile.OUTCROP.value])),
        bedrock=Severity(str(severity[Profile.BEDROCK.value])),
        file=str(document["file"]),
        message=str(document["message"]),
        cure=str(document["cure"]),
        expected=_optional_text(document["expected"]),
        actual=_optional_text(document["actual"]),
    )


def _verdict_from_json(document: JsonObject) -> Verdict:
    return Verdict(
        errors=_integer(document["errors"]),
        warnings=_integer(document["warnings"]),
        notes=_integer(document["notes"]),
    )


def _facts_from_json(document: JsonObject) -> ModelFacts:
    return ModelFacts(
        architecture=str(document["architecture"]),
        is_instruct=document["is_instruct"] is True,
        parameters=_integer(document["parameters"]),
        weight_bytes=_integer(document["weight_bytes"]),
        context_length=_integer(document["context_length"]),
        custom_model_units=_integer(document["custom_model_units"]),
    )


def _object(value: JsonValue) -> JsonObject:
    return cast("JsonObject", value)


def _integer(value: JsonValue) -> int:
    return cast("int", value)


def _optional_text(value: JsonValue) -> str | None:
    return cast("str | None", value)
