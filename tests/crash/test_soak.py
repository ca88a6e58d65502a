"""A short soak, so that each change meets some kills that nobody chose; `scripts/bench soak` is the long one."""

from __future__ import annotations

import argparse
import secrets

from benchmarks.soak import soak


def test_no_import_is_lost_doubled_or_left_over() -> None:
    """Whatever is killed: of an engine that was killed while it was asked, an import may fail, and says so."""
    seed = secrets.randbits(32)
    options = argparse.Namespace(
        imports=6, engine="null", pause_s=1.5, workers=1, at_once=3, share_mib=1, limit_s=30.0, settle_s=170.0
    )

    found = soak(options, seed=seed)

    wrong = {name: found[name] for name in ("lost", "doubled", "orphaned", "broken")}
    assert wrong == {"lost": 0, "doubled": 0, "orphaned": 0, "broken": 0}, found
    assert found["completed"] + found["failed"] == found["accepted"], found
