"""The states of a copy and the moves between them."""

from __future__ import annotations

import itertools

import pytest

from outcrop.errors import OutcropError
from outcrop.records import ServableModel
from outcrop.serving.copy_state import LEGAL_MOVES, Copy, CopyEnd, CopyState


@pytest.fixture
def copy(models: list[ServableModel]) -> Copy:
    """A copy that loads."""
    return Copy(model=models[0], started_at=0, last_used_at=0)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(CopyState, CopyState)))
def test_only_legal_moves_are_made(copy: Copy, before: CopyState, after: CopyState) -> None:
    """Every pair of states is either in the table of moves, or refused."""
    copy.state = before

    if (before, after) in LEGAL_MOVES:
        copy.move(after)
        assert copy.state is after
    else:
        with pytest.raises(OutcropError, match=f"cannot go from {before} to {after}"):
            copy.move(after)


def test_a_copy_is_unused_when_all_users_gave_it_back(copy: Copy) -> None:
    """Users are counted, and the last one's time is kept."""
    copy.take(1.0)
    copy.take(2.0)
    copy.give_back(3.0)
    assert not copy.unused.is_set()

    copy.give_back(4.0)

    assert copy.unused.is_set()
    assert copy.last_used_at == 4.0


def test_a_draining_copy_says_why(copy: Copy) -> None:
    """The reason is kept for the log, and whoever keeps the copy is told."""
    copy.drain(CopyEnd.EVICTED)

    assert copy.end is CopyEnd.EVICTED
    assert copy.ending.is_set()
