"""Which points are asked for: to look at one, nobody waits for all."""

from __future__ import annotations

import pytest

from outcrop.crash_points import CrashPoint


def asked_for(request: pytest.FixtureRequest) -> frozenset[CrashPoint]:
    """Returns the points of the tests of a module that were selected."""
    items = (item for item in request.session.items if item.path == request.path)
    return frozenset(item.callspec.params["point"] for item in items if hasattr(item, "callspec"))
