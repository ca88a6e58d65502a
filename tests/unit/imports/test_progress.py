"""How fast a stage goes, and what it has left."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import sample_job

from outcrop.imports.progress import SHORTEST_S, TELL_EVERY_S, WINDOW_S, ByteCounter, bytes_per_s, seconds_left
from outcrop.records import Progress, Stage, StageEntry
from outcrop.records.jobs import MARKS_KEPT
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import BEGIN, FakeClock

TOTAL = 10_000


def at(seconds: float) -> datetime:
    """A moment."""
    return BEGIN + timedelta(seconds=seconds)


def told(*counts: tuple[float, int]) -> Progress:
    """The progress of a stage of which these counts were told."""
    progress = Progress(bytes_total=TOTAL, entries=(StageEntry(stage=Stage.COPY, at=BEGIN),))
    for seconds, done in counts:
        progress = progress.counted(done, at(seconds))
    return progress


def test_a_steady_stage_has_its_rate() -> None:
    """What is left takes as long as it looks."""
    progress = told(*[(second, second * 100) for second in range(11)])

    assert bytes_per_s(progress, at(10)) == 100
    assert seconds_left(progress, at(10)) == 90


def test_the_rate_is_of_the_last_seconds() -> None:
    """A stage that was slow for a minute and is fast now is fast."""
    slow = [(second, second) for second in range(60)]
    fast = [(60 + second, 60 + second * 200) for second in range(20)]

    assert bytes_per_s(told(*slow, *fast), at(79)) == pytest.approx(200)


def test_a_stall_is_seen() -> None:
    """The rate falls while nothing comes; after the window there is none, and no time left either."""
    progress = told((0, 0), (1, 1000))

    assert bytes_per_s(progress, at(2)) == 500
    assert bytes_per_s(progress, at(10)) == 100
    assert bytes_per_s(progress, at(1 + WINDOW_S + 0.1)) is None
    assert seconds_left(progress, at(1 + WINDOW_S + 0.1)) is None


def test_a_stage_that_stands_still_has_no_end() -> None:
    """Told again and again that nothing is done, the rate is zero, and the time left is not known."""
    progress = told(*[(second, 500) for second in range(10)])

    assert bytes_per_s(progress, at(10)) == 0
    assert seconds_left(progress, at(10)) is None


def test_what_was_read_again_is_no_progress() -> None:
    """After a kill another worker begins lower: the count waits where it was, and nothing is faster for it."""
    progress = told((0, 0), (1, 800), (4, 100), (5, 400), (6, 700))

    assert progress.bytes_done == 800
    assert bytes_per_s(progress, at(6)) == pytest.approx(800 / 6)


@pytest.mark.parametrize("now_s", [-5, 0, SHORTEST_S / 2])
def test_nothing_is_guessed(now_s: float) -> None:
    """Of less than a second, or by a clock that runs behind the worker's, there is no rate."""
    assert bytes_per_s(told((0, 1000)), at(now_s)) is None
    assert seconds_left(Progress(entries=(StageEntry(stage=Stage.PROVE, at=BEGIN),)), at(now_s)) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, TOTAL)), max_size=80), st.floats(0, 200))
def test_no_count_makes_a_rate_or_a_time_below_zero(counts: list[tuple[float, int]], now_s: float) -> None:
    """In whatever order they come; and few are kept."""
    progress = told(*counts)

    assert progress.bytes_done == max((done for _, done in counts), default=0)
    assert len(progress.marks) <= MARKS_KEPT
    assert (bytes_per_s(progress, at(now_s)) or 0) >= 0
    assert (seconds_left(progress, at(now_s)) or 0) >= 0


@pytest.mark.anyio
async def test_the_counter_tells_a_few_times_a_second() -> None:
    """However small the pieces are; the last word is the caller's."""
    catalog, clock = FakeCatalog(), FakeClock()
    job = await catalog.jobs.create(sample_job())
    counter = ByteCounter(jobs=catalog.jobs, clock=clock, job=job, done=0, total=TOTAL)
    seen = []
    for _ in range(8):
        await counter.add(10)
        seen.append((await catalog.jobs.get(None, job.id)).progress.bytes_done)
        clock.advance(TELL_EVERY_S / 4)
    await counter.tell()

    ended = (await catalog.jobs.get(None, job.id)).progress
    assert seen == [10, 10, 10, 10, 50, 50, 50, 50]
    assert (ended.bytes_done, ended.bytes_total) == (80, TOTAL)
    assert ended.marks[0].at == BEGIN
