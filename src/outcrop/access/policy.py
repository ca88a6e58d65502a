"""Identity-based policies: from an IAM policy document to statements that can be evaluated. Pure.

The grammar is that of the IAM User Guide, "Grammar of the IAM JSON policy language", as far as it is supported here.
What is not supported is refused when the policy is written: a policy that was accepted is obeyed to the letter.

    document    Version ("2012-10-17"), Statement
    statement   Sid?, Effect, Action, Resource, Condition?
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Never

from outcrop.access.condition import Condition, read_conditions
from outcrop.access.patterns import Wildcard, is_arn_pattern
from outcrop.access.place import Place, quoted
from outcrop.errors import ValidationError
from outcrop.records import JsonObject, JsonValue

MOST_CHARACTERS = 6_144
"""Characters of one document, without white space (IAM quotas: a managed policy)."""

MOST_WITH_SPACE = 4 * MOST_CHARACTERS
"""Characters of one document as it was typed; more is refused unread."""

VERSION = "2012-10-17"
"""The only version that is read; the older one differs in what `${…}` means (IAM User Guide, Version)."""

_REQUIRED = ("Effect", "Action", "Resource")
_STATEMENT_ELEMENTS = ("Sid", *_REQUIRED, "Condition")
_SID = re.compile(r"[A-Za-z0-9]*")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}")


class Effect(StrEnum):
    """What a statement does where it applies (IAM User Guide, Effect)."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One permission or prohibition: for these actions, on these resources, while all conditions hold."""

    sid: str = ""
    effect: Effect
    actions: tuple[Wildcard, ...]
    """In lower case: actions are case-insensitive (IAM User Guide, Action)."""
    resources: tuple[Wildcard, ...]
    """Case-sensitive, as ARNs are (IAM User Guide, Resource)."""
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy document that was read in full."""

    statements: tuple[Statement, ...]


def read(text: str) -> Policy:
    """Reads a policy from its JSON text, in which no name may stand twice. Raises ValidationError."""
    if len(text) > MOST_WITH_SPACE:
        raise _too_long(len(text), MOST_WITH_SPACE)
    try:
        document = json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _whole(None).refused("the document is not JSON.") from error
    return parse(document)


def parse(document: JsonObject) -> Policy:
    """Reads a policy from its parsed JSON. Raises ValidationError, which names the JSON path of what it refuses."""
    whole = _whole(document)
    _check_size(whole)
    _check_elements(whole, known=("Version", "Statement"), required=("Version", "Statement"))
    version = whole.at("Version")
    if version.value != VERSION:
        raise version.refused(f"the version must be {quoted(VERSION)}.")
    statements = whole.at("Statement").items()
    _check_sids(statements)
    return Policy(statements=tuple(_read_statement(statement) for statement in statements))


def _read_statement(place: Place) -> Statement:
    _check_elements(place, known=_STATEMENT_ELEMENTS, required=_REQUIRED)
    effect = place.at("Effect")
    if effect.text() not in set(Effect):
        raise effect.refused('the effect must be "Allow" or "Deny".')
    return Statement(
        sid=place.at("Sid").text() if "Sid" in place.object() else "",
        effect=Effect(effect.text()),
        actions=tuple(_read_action(action) for action in place.at("Action").items()),
        resources=tuple(_read_resource(resource) for resource in place.at("Resource").items()),
        conditions=read_conditions(place.at("Condition")) if "Condition" in place.object() else (),
    )


def _read_action(place: Place) -> Wildcard:
    text = place.text()
    if _ACTION.fullmatch(text) is None:
        raise place.refused(f"{quoted(text)} is not an action such as bedrock:InvokeModel, bedrock:Get* or *.")
    return Wildcard(text.lower())


def _read_resource(place: Place) -> Wildcard:
    text = place.text()
    # With six parts no wildcard can reach over a colon of an ARN of ours: there would be one too few.
    if text != "*" and not is_arn_pattern(text):
        raise place.refused(
            f"{quoted(text)} is neither * nor an ARN of six parts, arn:partition:service:region:account:resource."
        )
    return Wildcard(text)


def _check_elements(place: Place, *, known: Iterable[str], required: Iterable[str]) -> None:
    members = place.object()
    for name in members:
        if name not in known:
            raise place.at(name).refused(f"this element is not supported; there are {', '.join(known)}.")
    for name in required:
        if name not in members:
            raise place.refused(f"the element {name} is missing.")


def _check_sids(statements: Iterable[Place]) -> None:
    seen: set[str] = set()
    for statement in statements:
        if "Sid" not in statement.object():
            continue
        sid = statement.at("Sid")
        if _SID.fullmatch(sid.text()) is None:
            raise sid.refused("a Sid consists of the letters A-Z and a-z and the digits 0-9.")
        if sid.text() in seen:
            raise sid.refused(f"the Sid {quoted(sid.text())} stands twice in the policy.")
        seen |= {sid.text()} - {""}


def _check_size(whole: Place) -> None:
    try:
        size = len(json.dumps(whole.value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise whole.refused("the document is not JSON.") from error
    if size > MOST_CHARACTERS:
        raise _too_long(size, MOST_CHARACTERS)


def _too_long(size: int, most: int) -> ValidationError:
    return _whole(None).refused(f"the document has {size:,} characters, more than {most:,}.")


def _whole(document: JsonValue) -> Place:
    return Place("$", document)


def _unrepeated(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = [name for name, _ in pairs]
    repeated = next(name for name in names if names.count(name) > 1)
    raise _whole(None).refused(f"the name {quoted(repeated)} stands twice in one object.")


def _no_constant(name: str) -> Never:
    raise ValueError(name)
