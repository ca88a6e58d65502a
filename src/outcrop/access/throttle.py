"""How fast an account may call: a token bucket for each account, region and operation. Pure but for the buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.arn import Tenant
from outcrop.errors import ThrottledError

OTHERS = "*"
"""In place of an operation's name: each operation that has no rate of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast a bucket fills, in calls a second, and how many calls it holds."""

    per_s: float
    burst: float


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at: float


class Throttle:
    """Counts the calls of one server; several servers count each for itself.

    There are at most as many buckets as tenants times operations, and only who has proved to be somebody has one.
    """

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = dict(rates)
        self._buckets: dict[tuple[Tenant, str], _Bucket] = {}

    def take(self, tenant: Tenant, operation: str, now: float) -> None:
        """Counts a call at a monotonic time in seconds. Raises ThrottledError when the account is too fast."""
        rate = self._rates.get(operation) or self._rates.get(OTHERS)
        if rate is None:
            return
        bucket = self._buckets.setdefault((tenant, operation), _Bucket(rate.burst, now))
        bucket.calls = min(rate.burst, bucket.calls + (now - bucket.filled_at) * rate.per_s)
        bucket.filled_at = now
        if bucket.calls < 1:
            # Bedrock's own sentence; the SDKs try again by themselves.
            raise ThrottledError("Too many requests, please wait before trying again.")
        bucket.calls -= 1
