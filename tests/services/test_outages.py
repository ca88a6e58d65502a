"""Each part that an import needs is away in the middle of it: for a while, and for longer than it waits.

The real 60 s, with everything away: `scripts/bench outages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.outage_world import Place, await_that, begin, place_of, running_engine

PARTS = ("source", "vault", "kms", "database")
NAMES = {
    "source": "S3 at http",
    "vault": "the vault at s3://vault/sealed",
    "kms": "KMS",
    "database": "database",
}
"""What the log, and the failure, call each."""


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """An engine of canned words."""
    with running_engine() as url:
        yield url


def take_away(place: Place, part: str, says: str) -> None:
    """Takes a part away from an import that is held, and lets it come to that."""
    place.away()
    await_that(lambda: says in place.server.log() and NAMES[part] in place.server.log(), place.server.log)


def require_no_trace(log: str) -> None:
    """An outage is told in lines: neither an exception of ours nor one that a library printed."""
    assert '"exception"' not in log
    assert not any(line.startswith("Traceback") for line in log.splitlines())


@pytest.mark.parametrize("part", PARTS)
def test_what_is_away_for_a_while_is_waited_for(
    request: pytest.FixtureRequest, part: str, tmp_path: Path, engine: str
) -> None:
    """The import says for what it waits, and goes on once it is back."""
    database = request.getfixturevalue("postgres_url") if part == "database" else None
    with place_of(part, tmp_path, engine=engine, outage_s=600, postgres_url=database) as place:
        job = begin(place, part, "m")
        take_away(place, part, "waiting_for")
        place.back()
        ended = place.server.ended(job)
        models = place.server.client("bedrock").list_imported_models()["modelSummaries"]
        log = place.server.log()

    assert (ended["status"], ended.get("failureMessage")) == ("Completed", None)
    assert [model["modelName"] for model in models] == ["m"]
    require_no_trace(log)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_away_for_too_long_fails_the_import(
    request: pytest.FixtureRequest, part: str, tmp_path: Path, engine: str
) -> None:
    """It says what was away, leaves no model, and the next import works."""
    database = request.getfixturevalue("postgres_url") if part == "database" else None
    with place_of(part, tmp_path, engine=engine, outage_s=1, postgres_url=database) as place:
        job = begin(place, part, "m")
        take_away(place, part, "import_step_failed")
        place.back()
        ended = place.server.ended(job)
        models = place.server.client("bedrock").list_imported_models()["modelSummaries"]
        again = place.server.ended(place.server.create_import("again", "s3://models/good/"))
        log = place.server.log()

    assert ended["status"] == "Failed"
    assert NAMES[part] in ended["failureMessage"]
    assert "It was away for longer than an import waits" in ended["failureMessage"]
    assert models == []
    assert again["status"] == "Completed", again
    require_no_trace(log)
