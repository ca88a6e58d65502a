"""Whether policies allow a request: an explicit deny wins, then an allow, and otherwise the answer is no. Pure.

The rules are those of the IAM User Guide, "Policy evaluation logic" (within one account, identity-based policies), and,
for conditions, "Condition operators" and "Conditions with multiple context keys or values".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.access.condition import Condition, Key, Operator, Quantifier
from outcrop.access.policy import Effect, Policy, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One action on one resource that somebody wants: what IAM calls the request context."""

    action: str
    resource: str
    """An ARN. It ends with `/*` where no single resource is meant, as in lists."""
    principal_arn: str
    account: str
    """The principal's account."""
    region: str
    source_ip: str
    request_tags: Mapping[str, str] = field(default_factory=dict)
    """The tags that the request brings."""
    untagged_keys: tuple[str, ...] = ()
    """The keys of the tags that the request takes away: part of aws:TagKeys, not of aws:RequestTag."""
    resource_tags: Mapping[str, str] = field(default_factory=dict)
    """The tags that the resource has now."""
    passed_to_service: str | None = None


class Reason(StrEnum):
    """Why a request is allowed or not (IAM User Guide, the difference between explicit and implicit denies)."""

    EXPLICIT_DENY = "explicit_deny"
    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicit_deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policies say to a request."""

    reason: Reason

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.reason is Reason.ALLOWED


def decide(policies: Iterable[Policy], request: Request) -> Decision:
    """Decides about a request; neither policies nor statements have an order (IAM, Policy evaluation logic)."""
    effects = {
        statement.effect for policy in policies for statement in policy.statements if applies(statement, request)
    }
    if Effect.DENY in effects:
        return Decision(reason=Reason.EXPLICIT_DENY)
    return Decision(reason=Reason.ALLOWED if Effect.ALLOW in effects else Reason.IMPLICIT_DENY)


def applies(statement: Statement, request: Request) -> bool:
    """Whether a statement speaks of a request: its action, its resource, and all conditions (IAM grammar)."""
    action = request.action.lower()
    return (
        any(pattern.accepts(action) for pattern in statement.actions)
        and any(pattern.accepts(request.resource) for pattern in statement.resources)
        and all(holds(condition, request) for condition in statement.conditions)
    )


def holds(condition: Condition, request: Request) -> bool:
    """Whether a condition holds: of its values one is enough (OR), of a negated operator's none may match (NOR)."""
    found = _found(condition, request)
    if condition.operator is Operator.NULL:
        return any(value.accepts("false" if found else "true") for value in condition.values)
    if not found:
        return _holds_without(condition)
    each = (any(value.accepts(text) for value in condition.values) for text in found)
    if condition.quantifier is None:
        return any(each) is not condition.operator.is_negated
    wanted = (matches is not condition.operator.is_negated for matches in each)
    return all(wanted) if condition.quantifier is Quantifier.ALL else any(wanted)


def _holds_without(condition: Condition) -> bool:
    """Whether a condition holds where the request lacks its key.

    ForAllValues does, ForAnyValue does not, a negated operator does, any other does not; each does with IfExists.
    """
    if condition.quantifier is not None:
        return condition.is_if_exists or condition.quantifier is Quantifier.ALL
    return condition.is_if_exists or condition.operator.is_negated


def _found(condition: Condition, request: Request) -> tuple[str, ...]:
    """Returns what the request has under the key of a condition; nothing where the key is missing."""
    if condition.key is Key.REQUEST_TAG:
        return _tagged(request.request_tags, condition.tag)
    if condition.key is Key.RESOURCE_TAG:
        return _tagged(request.resource_tags, condition.tag)
    return _READ[condition.key](request)


_READ: dict[Key, Callable[[Request], tuple[str, ...]]] = {
    Key.TAG_KEYS: lambda request: (*request.request_tags, *request.untagged_keys),
    Key.SOURCE_IP: lambda request: (request.source_ip,),
    Key.PRINCIPAL_ARN: lambda request: (request.principal_arn,),
    Key.PRINCIPAL_ACCOUNT: lambda request: (request.account,),
    Key.REQUESTED_REGION: lambda request: (request.region,),
    Key.PASSED_TO_SERVICE: lambda request: () if request.passed_to_service is None else (request.passed_to_service,),
}


def _tagged(tags: Mapping[str, str], key: str | None) -> tuple[str, ...]:
    """Returns the values of a tag; IAM compares the keys of tags without regard to case, so there may be several."""
    wanted = (key or "").lower()
    return tuple(value for name, value in tags.items() if name.lower() == wanted)
