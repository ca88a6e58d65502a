"""How fast an account may call."""

import pytest

from outcrop.access.throttle import Rate, Throttle
from outcrop.arn import Tenant
from outcrop.errors import ThrottledError

HERE = Tenant(account="000000000000", region="us-east-1")
THERE = Tenant(account="000000000000", region="eu-west-1")


def admitted(throttle: Throttle, operation: str, *times: float, tenant: Tenant = HERE) -> list[bool]:
    """Which of the calls at these times pass."""
    found = []
    for now in times:
        try:
            throttle.take(tenant, operation, now)
        except ThrottledError:
            found.append(False)
        else:
            found.append(True)
    return found


def test_a_burst_passes_and_then_the_rate() -> None:
    """Three at once, then one every half second."""
    throttle = Throttle({"Get": Rate(per_s=2, burst=3)})

    assert admitted(throttle, "Get", 0, 0, 0, 0, 0.25, 0.5, 0.6, 1.0) == [True] * 3 + [False, False, True, False, True]


def test_a_rest_fills_no_more_than_the_bucket() -> None:
    """After an hour, three again."""
    throttle = Throttle({"Get": Rate(per_s=2, burst=3)})
    admitted(throttle, "Get", 0, 0, 0)

    assert admitted(throttle, "Get", *[3600] * 4) == [True, True, True, False]


def test_who_keeps_asking_is_served_at_the_rate() -> None:
    """A refused call costs nothing: nobody starves by trying."""
    throttle = Throttle({"Get": Rate(per_s=1, burst=1)})

    assert sum(admitted(throttle, "Get", *[tick / 10 for tick in range(100)])) == 10


def test_accounts_regions_and_operations_do_not_share() -> None:
    """Each has a bucket of its own; what has no rate has no limit."""
    throttle = Throttle({"Get": Rate(per_s=1, burst=1)})

    assert admitted(throttle, "Get", 0, 0) == [True, False]
    assert admitted(throttle, "Get", 0, tenant=THERE) == [True]
    assert admitted(throttle, "List", *[0] * 100) == [True] * 100


def test_a_rate_for_the_others() -> None:
    """The asterisk is for each operation that is not named, not for all of them together."""
    throttle = Throttle({"Get": Rate(per_s=1, burst=2), "*": Rate(per_s=1, burst=1)})

    assert admitted(throttle, "Get", 0, 0, 0) == [True, True, False]
    assert admitted(throttle, "List", 0, 0) == [True, False]
    assert admitted(throttle, "Tag", 0, 0) == [True, False]


def test_the_refusal_is_bedrocks() -> None:
    """SDKs know the code and try again."""
    throttle = Throttle({"*": Rate(per_s=1, burst=1)})
    throttle.take(HERE, "Get", 0)

    with pytest.raises(ThrottledError, match="Too many requests, please wait before trying again"):
        throttle.take(HERE, "Get", 0)
