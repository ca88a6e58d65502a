"""Every constraint that the model states, over parsed parameters, with all violations in one answer.

botocore's client checks no maximum, pattern or enum (SPEC 1.15), so the server must. The phrasing is AWS's, including
that it speaks of a list or map of plain values as one, with all rules of its items: "Value '[a b]' at 'subnetIds'
failed to satisfy constraint: Member must satisfy constraint: [Member must have length …, Member must not be null]".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from outcrop.wire.constraints import Path, Violations, is_scalar, rules_of
from outcrop.wire.service import Operation
from outcrop.wire.shapes import Kind, Shape

Validate = Callable[[Mapping[str, object]], None]
"""Raises ValidationError, naming everything that is wrong."""

_Check = Callable[[object, Path, Violations], None]

_NOT_NULL = "Member must not be null"


def compile_validator(operation: Operation) -> Validate:
    """Prepares the validator of an operation's parameters."""
    check = _structure_check(operation.input)

    def validate(parameters: Mapping[str, object]) -> None:
        violations = Violations()
        if check is not None:
            check(parameters, None, violations)
        violations.require_none()

    return validate


def _check(shape: Shape) -> _Check | None:
    """Prepares the check of a shape; None when it demands nothing, so that its holder need not look."""
    if shape.kind is Kind.STRUCTURE:
        return _structure_check(shape)
    if shape.kind is Kind.LIST and shape.item is not None:
        return _list_check(shape, shape.item)
    if shape.kind is Kind.MAP and shape.key is not None and shape.item is not None:
        return _map_check(shape, shape.key, shape.item)
    return _scalar_check(shape)


def _scalar_check(shape: Shape) -> _Check | None:
    rules = rules_of(shape)
    is_sensitive = shape.is_sensitive
    if not rules:
        return None

    def check(value: object, path: Path, violations: Violations) -> None:
        for rule in rules:
            if not rule.holds(value):
                violations.add(path, value, rule.phrase, is_sensitive=is_sensitive)

    return check


def _structure_check(shape: Shape) -> _Check | None:
    plan = [(member.name, member.is_required, _check(member.shape)) for member in shape.members]
    plan = [(name, is_required, check) for name, is_required, check in plan if is_required or check is not None]
    union = f"Member must have exactly one of these set: [{', '.join(member.name for member in shape.members)}]"
    is_union = shape.is_union
    if not plan and not is_union:
        return None

    def check(value: object, path: Path, violations: Violations) -> None:
        members = cast("Mapping[str, object]", value)
        if is_union and len(members) != 1:
            violations.add(path, value, union, is_sensitive=True)
        for name, is_required, check_member in plan:
            member = members.get(name)
            if member is None:
                if is_required:
                    violations.add((path, name), None, _NOT_NULL)
            elif check_member is not None:
                check_member(member, (path, name), violations)

    return check


def _list_check(shape: Shape, item: Shape) -> _Check | None:
    check_whole = _scalar_check(shape)
    if is_scalar(item):
        return _both(check_whole, _each_check("Member", item, lambda value: cast("list[object]", value)))
    check_item = _check(item)
    if check_item is None:
        return check_whole

    def check(value: object, path: Path, violations: Violations) -> None:
        for position, element in enumerate(cast("list[object]", value), start=1):
            check_item(element, ((path, str(position)), "member"), violations)

    return _both(check_whole, check)


def _map_check(shape: Shape, key: Shape, item: Shape) -> _Check | None:
    check_keys = _each_check("Map keys", key, lambda value: cast("dict[str, object]", value))
    check_whole = _both(_scalar_check(shape), check_keys)
    if is_scalar(item):
        return _both(
            check_whole, _each_check("Map value", item, lambda value: cast("dict[str, object]", value).values())
        )
    check_item = _check(item)
    if check_item is None:
        return check_whole

    def check(value: object, path: Path, violations: Violations) -> None:
        for name, element in cast("dict[str, object]", value).items():
            check_item(element, ((path, name), "member"), violations)

    return _both(check_whole, check)


def _each_check(subject: str, shape: Shape, parts_of: Callable[[object], Iterable[object]]) -> _Check | None:
    """Checks the plain values in a list or map; one violation tells of all of them."""
    rules = rules_of(shape)
    is_sensitive = shape.is_sensitive
    if not rules:
        return None
    # Keys cannot be null, and AWS does not say so of them.
    demands = [rule.phrase for rule in rules] + ([] if subject == "Map keys" else [_NOT_NULL])
    phrase = f"{subject} must satisfy constraint: [{', '.join(demands)}]"

    def check(value: object, path: Path, violations: Violations) -> None:
        if not all(rule.holds(part) for part in parts_of(value) for rule in rules):
            violations.add(path, value, phrase, is_sensitive=is_sensitive)

    return check


def _both(first: _Check | None, second: _Check | None) -> _Check | None:
    if first is None or second is None:
        return first or second

    def check(value: object, path: Path, violations: Violations) -> None:
        first(value, path, violations)
        second(value, path, violations)

    return check
