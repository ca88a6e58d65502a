"""Source, vault, keys and database away for a minute in the middle of an import, in turn and all at once.

Each import must wait and complete. The last line is one JSON object: for each part the seconds from its return to the
end of the import, and how many imports completed.

    scripts/bench outages [--away-s 60] [--parts source,vault,kms,database,all]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.postgres import new_database, postgres_server
from tests.services.outage_world import await_that, begin, place_of, running_engine

from benchmarks.machine import machine

PARTS = ("source", "vault", "kms", "database", "all")


def measure(part: str, *, away_s: float, engine: str, postgres: str) -> tuple[str, float]:
    """Takes a part away from an import; returns how it ended, and the seconds that it took once the part was back."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outcrop-outage-")))
        database = stack.enter_context(new_database(postgres)) if part in ("database", "all") else None
        place = stack.enter_context(place_of(part, folder, engine=engine, outage_s=600, postgres_url=database))
        job = begin(place, part, "m")
        place.away()
        await_that(lambda: "waiting_for" in place.server.log(), place.server.log)
        time.sleep(away_s)
        place.back()
        began = time.monotonic()
        ended = place.server.ended(job)
        return ended["status"], time.monotonic() - began


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away-s", type=float, default=60.0)
    parser.add_argument("--parts", default=",".join(PARTS))
    arguments = parser.parse_args()
    print(json.dumps(machine()))
    found: dict[str, float] = {}
    completed = 0
    with running_engine() as engine, postgres_server() as postgres:
        for part in arguments.parts.split(","):
            status, seconds = measure(part, away_s=arguments.away_s, engine=engine, postgres=postgres)
            print(f"{part}: {status} {seconds:.1f} s after it was back", flush=True)
            found[f"{part}_s"] = round(seconds, 1)
            completed += status == "Completed"
    print(json.dumps({"away_s": arguments.away_s, **found, "completed": completed, "of": len(found)}))


if __name__ == "__main__":
    main()
