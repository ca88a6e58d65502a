"""Rules of single values."""

from collections.abc import Callable

import re2

from outcrop.wire.constraints import Violations, rules_of, unchecked_patterns
from outcrop.wire.service import Operation, load_operations
from outcrop.wire.shapes import Kind, Location, Member, Shape


def _string(pattern: str) -> Shape:
    return Shape(name="S", kind=Kind.STRING, pattern=pattern)


def test_every_pattern_of_the_model_is_checked() -> None:
    """All patterns of the served operations compile in RE2."""
    assert unchecked_patterns(operation.input for operation in load_operations()) == []


def test_patterns_that_re2_cannot_run_are_listed_not_checked() -> None:
    """A later botocore may bring look-arounds; the server starts, says so, and lets such values pass."""
    shape = _string("(?!a)b")
    holder = Shape(
        name="H",
        kind=Kind.STRUCTURE,
        members=(Member(name="m", wire_name="m", location=Location.JSON, shape=shape, is_required=False),),
    )

    assert unchecked_patterns([holder]) == ["(?!a)b"]
    assert rules_of(shape) == ()


def test_hostile_names_are_matched_by_an_engine_without_backtracking(operation: Callable[[str], Operation]) -> None:
    """The jobName pattern takes exponential time in Python's re; the matcher is RE2's, linear by construction."""
    shape = operation("CreateModelImportJob").input.members[0].shape
    rule = rules_of(shape)[-1]
    pattern = re2.compile(shape.pattern)

    assert type(pattern).__module__.startswith("re2")
    assert not rule.holds("a" + "-" * 61 + "!")
    assert not rule.holds("a" + "-" * 1_000_000 + "!")


def test_long_values_are_matched_too() -> None:
    """Short values are remembered, long ones are not; both are judged."""
    rule = rules_of(_string("a+"))[0]

    assert [rule.holds("a" * length) for length in (1, 256, 257, 5000)] == [True] * 4
    assert [rule.holds("a" * length + "b") for length in (1, 256, 257, 5000)] == [False] * 4


def test_nothing_wrong_raises_nothing() -> None:
    """No violations, no error."""
    Violations().require_none()
