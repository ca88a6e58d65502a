"""A kill at every crash point, on PostgreSQL and a folder: the server that starts next comes to the same end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.crash.campaign import Campaign, campaign
from tests.crash.selected import asked_for
from tests.crash.worlds import Shared

from outcrop.crash_points import CrashPoint

POINTS = [point for point in CrashPoint if not point.place.startswith("adapters/vault_s3.py")]


@pytest.fixture(scope="module")
def kills(request: pytest.FixtureRequest, shared: Shared, postgres: str) -> Iterator[Campaign]:
    """Every kill that this file's tests ask for."""
    with campaign(replace(shared, postgres=postgres), "postgres", asked_for(request)) as made:
        yield made


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.label)
def test_a_kill_changes_nothing_in_the_end(kills: Campaign, point: CrashPoint) -> None:
    """The job ended once; its model is whole, or there is none; nothing is left over, and nothing runs on."""
    kills.require_same_end(point)
