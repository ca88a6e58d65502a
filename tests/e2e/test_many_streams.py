"""Many streams at once, of both kinds: none lost, none mixed up. `scripts/bench streams` is the same for longer."""

import asyncio
from pathlib import Path

from benchmarks.data_plane import imported, null_engine, outcrop_on
from benchmarks.streams import read, rss_mb

STREAMS, TOKENS, REPLIES = 50, 200, 2
MOST_GROWTH_MB = 40
"""Of the second replies, when everything that is made once has been made."""


def test_fifty_streams_are_each_complete(tmp_path: Path) -> None:
    """Each word of each stream is there, in its order, and in no other stream; and memory stays as it was."""
    with null_engine(0.005) as engine, outcrop_on(tmp_path, engine) as server:
        model = imported(server)
        first = asyncio.run(read(server, model, streams=STREAMS, seconds=0, tokens=TOKENS, replies=1))
        before = rss_mb(server.process.pid)
        seen = asyncio.run(read(server, model, streams=STREAMS, seconds=0, tokens=TOKENS, replies=REPLIES))
        after = rss_mb(server.process.pid)

    assert (first.problems, seen.problems) == ([], [])
    assert (first.lost, first.mixed, seen.lost, seen.mixed) == (0, 0, 0, 0)
    assert (seen.streams, seen.tokens) == (STREAMS * REPLIES, STREAMS * REPLIES * TOKENS)
    assert seen.open_most > STREAMS // 2
    assert after - before < MOST_GROWTH_MB
