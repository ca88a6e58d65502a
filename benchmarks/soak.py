"""Random kills of servers, workers, engines and the database while models are imported, and what came of the imports.

A server and workers share a PostgreSQL of their own and a vault; every so often one of them, an engine, or the database
as a whole gets SIGKILL, and is started again a moment later, as a supervisor would. Clients ask for imports with a
request token until they are accepted. At the end the kills stop, and every job that was accepted is looked for.

What is counted: `lost` jobs were accepted and are gone, or have no end; `doubled` jobs have ended twice or have made
more than one model; `orphaned` artifacts lie in the vault and belong to nobody; `broken` models do not answer, or with
other bytes than were imported. The kills follow from the seed as far as a machine does the same twice.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.soaked import Place
from benchmarks.soaking import Running

KINDS = ("server", "worker", "engine", "database")
TICK_S = 0.1


def main() -> None:
    """Runs it; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench soak", description=__doc__)
    parser.add_argument("--imports", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None, help="of the kills; default: another one each time")
    parser.add_argument("--engine", choices=("null", "transformers"), default="null", help="null answers canned words")
    parser.add_argument("--pause-s", type=float, default=2.0, help="mean time between two kills, in seconds")
    parser.add_argument("--workers", type=int, default=2, help="beside the server, which works too")
    parser.add_argument("--at-once", type=int, default=4, help="imports that are under way at once")
    parser.add_argument("--share-mib", type=int, default=1, help="larger imports are divided among all workers")
    parser.add_argument("--limit-s", type=float, default=1200.0, help="when the kills end at the latest, in seconds")
    parser.add_argument("--settle-s", type=float, default=300.0, help="how long jobs may take once the kills ended")
    options = parser.parse_args()
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"machine: {machine()}")
    print(f"seed: {seed}", flush=True)
    print(json.dumps(soak(options, seed=seed)))


def soak(options: argparse.Namespace, *, seed: int) -> dict[str, Any]:
    """Imports and kills; returns what came of it."""
    chance = random.Random(seed)
    began = time.monotonic()
    with ExitStack() as stack:
        # Not in a folder of pytest's, which runs beside this one clean up.
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outcrop-soak-")))
        place = stack.enter_context(Place.made(root, imports=options.imports, engine=options.engine))
        running = stack.enter_context(Running.started(place, workers=options.workers, share_mib=options.share_mib))
        kills: Counter[str] = Counter()
        waiting = list(range(options.imports))
        open_jobs: dict[int, str] = {}
        kind = chance.choice(KINDS)
        next_kill = began + chance.expovariate(1 / options.pause_s)
        while waiting or open_jobs:
            now = time.monotonic()
            if now - began > options.limit_s:
                break
            running.restart_due(now)
            if now >= next_kill and running.kill(kind, chance, now):
                # What cannot be killed now, since it is away or there is none, is killed as soon as it can be.
                kills.update([kind])
                kind = chance.choice(KINDS)
                next_kill = now + chance.expovariate(1 / options.pause_s)
            while waiting and len(open_jobs) < options.at_once:
                arn = running.accepted(waiting[0])
                if arn is None:
                    break
                open_jobs[waiting.pop(0)] = arn
            open_jobs = {number: arn for number, arn in open_jobs.items() if not running.has_ended(arn)}
            time.sleep(TICK_S)
        running.restart_all()
        found = running.results(within_s=options.settle_s)
    for message, count in Counter(found.pop("messages")).most_common():
        print(f"failed, {count} x: {message}")
    return {
        "imports": options.imports,
        **found,
        "kills": {kind: kills[kind] for kind in KINDS},
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    main()
