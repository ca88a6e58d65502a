"""What is prepared for an operation."""

from collections.abc import Callable

import pytest

from outcrop.wire.plan import prepare
from outcrop.wire.service import Operation


@pytest.mark.parametrize(
    ("name", "limit_bytes", "is_watched"),
    [
        ("CreateModelImportJob", 1_048_576, False),
        ("InvokeModel", 25_000_000, True),
        ("ConverseStream", 25_000_000, True),
    ],
)
def test_limits_and_watching_follow_the_service(
    operation: Callable[[str], Operation], *, name: str, limit_bytes: int, is_watched: bool
) -> None:
    """Control-plane calls are small and finish; inference is large and ends with its client."""
    plan = prepare(operation(name), None)

    assert (plan.limit_bytes, plan.is_watched) == (limit_bytes, is_watched)
