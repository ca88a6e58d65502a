"""One copy of a model on its way through its states, and which moves are legal. Pure.

    (cold) ─▶ loading ─▶ ready ─▶ draining ─▶ (cold)
                 └──────────────────▲

Cold is the absence of a copy: the fleet then holds nothing for the model. A load that fails ends the copy at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from outcrop.errors import OutcropError
from outcrop.ports import RunningEngine
from outcrop.records import ServableModel


class CopyState(StrEnum):
    """Where a copy stands."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"


class CopyEnd(StrEnum):
    """Why a copy was ended."""

    IDLE = "idle"
    EVICTED = "evicted"
    DRAINED = "drained"
    DIED = "died"
    CLOSED = "closed"


LEGAL_MOVES: frozenset[tuple[CopyState, CopyState]] = frozenset(
    {
        (CopyState.LOADING, CopyState.READY),
        (CopyState.LOADING, CopyState.DRAINING),
        (CopyState.READY, CopyState.DRAINING),
    }
)


@dataclass(slots=True, eq=False, kw_only=True)
class Copy:
    """A copy that the fleet holds; only the fleet changes it."""

    model: ServableModel
    started_at: float
    """When its load began, on the monotonic clock, in seconds."""
    last_used_at: float
    """When it was last given to a request or given back, on the monotonic clock, in seconds."""
    state: CopyState = CopyState.LOADING
    is_kept_warm: bool = False
    """Whether it stays though nobody uses it."""
    users: int = 0
    """Requests that hold the copy, or wait for its load."""
    engine: RunningEngine | None = None
    """The engine; None while it loads, and when the load failed."""
    failure: Exception | None = None
    """Why the load failed."""
    end: CopyEnd | None = None
    """Why the copy is draining; None before."""
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the load ended, well or badly."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the copy begins to drain."""
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the copy is to end although it is in use."""
    unused: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nobody holds the copy or waits for it."""

    def __post_init__(self) -> None:
        self.unused.set()

    def move(self, to: CopyState) -> None:
        """Moves to a state. Raises OutcropError, which would be our bug, when the move is not legal."""
        if (self.state, to) not in LEGAL_MOVES:
            raise OutcropError(f"a copy cannot go from {self.state} to {to}")
        self.state = to

    def drain(self, end: CopyEnd) -> None:
        """Begins to drain: the copy takes no new users."""
        self.move(CopyState.DRAINING)
        self.end = end
        self.ending.set()

    def take(self, now: float) -> None:
        """Counts a user in."""
        self.users += 1
        self.last_used_at = now
        self.unused.clear()

    def give_back(self, now: float) -> None:
        """Counts a user out."""
        self.users -= 1
        self.last_used_at = now
        if self.users == 0:
            self.unused.set()

    @property
    def is_idle(self) -> bool:
        """Whether the copy is ready and nobody uses it."""
        return self.state is CopyState.READY and self.users == 0

    @property
    def has_died(self) -> bool:
        """Whether the copy is ready, but its engine ended on its own."""
        return self.state is CopyState.READY and self.engine is not None and not self.engine.is_alive
