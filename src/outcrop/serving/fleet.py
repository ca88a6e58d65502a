"""Which copy holds which model: loads copies when they are asked for, shares them, and ends those that nobody uses.

Each copy belongs to one task from the start of its load until its engine has stopped; `close` awaits them all. The
fleet knows nothing of what is asked of an engine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import (
    MIB,
    ModelNotReadyError,
    NotEnoughMemoryError,
    NotFoundError,
    ThrottledError,
    UnavailableError,
)
from outcrop.ports import Clock, CopyHost, RunningEngine
from outcrop.records import ServableModel
from outcrop.serving.copy_state import Copy, CopyEnd, CopyState

log = structlog.get_logger()

UNKNOWN_LOAD_S = 30.0
"""How long a load is expected to take before any was measured."""
SHORTEST_RETRY_S = 1.0
"""No caller is told to come back sooner than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLimits:
    """What a fleet may hold, and for how long."""

    hold_s: float = 45.0
    """How long a request waits for a copy. SDKs read for 60 s by default (SPEC 1.19)."""
    idle_s: float = 300.0
    """A copy without requests for this long is ended; AWS's is five minutes (SPEC 9.7)."""
    drain_s: float = 45.0
    """How long a model that is deleted waits for the requests that hold its copy; SDKs wait 60 s for the answer."""
    max_copies: int = 3
    """Models that may be loaded at once."""
    memory_bytes: int | None = None
    """Memory that all copies may take together, as far as it is known of them; None: any."""
    max_waiting: int = 1000
    """Requests that may wait for copies at once."""
    max_requests: int = 512
    """Requests that one copy may be given at once; its engine answers them side by side or one by one."""


class Fleet:
    """The copies that one process holds."""

    def __init__(self, host: CopyHost, clock: Clock, limits: FleetLimits) -> None:
        self._host = host
        self._clock = clock
        self._limits = limits
        self._copies: dict[str, Copy] = {}
        """By model ARN, the copy that requests are sent to."""
        self._tasks: dict[Copy, asyncio.Task[None]] = {}
        """Every copy that takes room: also those that are no longer sent requests."""
        self._retired: set[str] = set()
        self._wanting_room: Counter[str] = Counter()
        self._waiting = 0
        self._load_s: dict[str, float] = {}
        self._latest_load_s = UNKNOWN_LOAD_S
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def copy_of(self, model: ServableModel, *, hold_s: float | None = None) -> AsyncIterator[RunningEngine]:
        """Gives a ready copy, loading it when there is none, and keeps it from being ended meanwhile.

        Args:
            model: which model.
            hold_s: how long to wait for the copy, in seconds; default: the fleet's limit.

        Raises:
            ModelNotReadyError: the copy was not loaded in time; its load goes on.
            NotFoundError: the model was retired.
            ThrottledError: every place was taken by a copy in use, the copy has too many requests, or too many wait.
            UnavailableError: the fleet is closed.
            EngineError, IntegrityError, KeyUnavailableError, StorageError: the load failed.
        """
        deadline = self._clock.monotonic() + (self._limits.hold_s if hold_s is None else hold_s)
        copy = await self._place(model, deadline)
        if copy.users >= self._limits.max_requests:
            raise ThrottledError("The model has too many requests at once. Wait and try your request again.")
        copy.is_kept_warm = copy.is_kept_warm or model.is_kept_warm
        copy.take(self._clock.monotonic())
        try:
            yield await self._engine(copy, deadline)
        finally:
            copy.give_back(self._clock.monotonic())
            if copy.has_died:
                self._end(copy, CopyEnd.DIED)
            self._notify()

    async def warm(self, model: ServableModel, *, hold_s: float) -> None:
        """Loads a copy if there is none; returns when it is ready. Raises as `copy_of` does."""
        async with self.copy_of(model, hold_s=hold_s):
            return

    def state_of(self, model_arn: str) -> CopyState | None:
        """Returns where the copy of a model stands; None means cold."""
        copy = self._copies.get(model_arn)
        return None if copy is None else copy.state

    def copies(self) -> dict[str, int]:
        """Counts the copies that take room, by state."""
        counts = Counter(copy.state for copy in self._tasks)
        return {state.value: counts[state] for state in CopyState}

    async def drain(self, model_arn: str) -> None:
        """Ends the copy of a model once the requests that hold or await it are done; returns when it has ended."""
        copy = self._copies.get(model_arn)
        if copy is None:
            return
        task = self._tasks[copy]
        self._end(copy, CopyEnd.DRAINED)
        if copy.users == 0 and not copy.loaded.is_set():
            task.cancel()
        await asyncio.wait({task})
        self._load_s.pop(model_arn, None)

    async def retire(self, model_arn: str) -> None:
        """Drains a model that is no more; after `drain_s` its copy ends also under the requests that hold it.

        Who has the model in hand from before it went gets no copy of it either. ARNs are never given out twice, so this
        one is remembered for as long as the process runs.
        """
        self._retired.add(model_arn)
        copy = self._copies.get(model_arn)
        await _first_of(self.drain(model_arn), self._clock.sleep(self._limits.drain_s))
        task = None if copy is None else self._tasks.get(copy)
        if copy is not None and task is not None:
            copy.cut.set()
            if not copy.loaded.is_set():
                task.cancel()
            await asyncio.wait({task})
        reached(CrashPoint.COPIES_RETIRED)

    async def close(self) -> None:
        """Ends every copy, also those in use, and takes no more requests."""
        self._closing.set()
        for copy, task in self._tasks.items():
            self._end(copy, CopyEnd.CLOSED)
            if not copy.loaded.is_set():
                task.cancel()
        self._notify()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    # --- a request's way to a copy ---

    async def _place(self, model: ServableModel, deadline: float) -> Copy:
        """Returns a copy that takes users: one that loads or is ready."""
        while True:
            if self._closing.is_set():
                raise _stopping()
            if model.arn in self._retired:
                raise NotFoundError(f"Could not find the imported model {model.arn}.")
            copy = self._copies.get(model.arn)
            if copy is not None and copy.has_died:
                self._end(copy, CopyEnd.DIED)
            if copy is None and self._has_room(model):
                copy = self._begin(model)
            if copy is not None and copy.state is not CopyState.DRAINING:
                return copy
            if copy is not None:
                await self._await_change(deadline, ModelNotReadyError(retry_after_s=self._expected_s(model.arn)))
            else:
                await self._await_room(model, deadline)

    async def _await_room(self, model: ServableModel, deadline: float) -> None:
        self._wanting_room[model.arn] += 1
        try:
            self._evict()
            await self._await_change(
                deadline,
                ThrottledError(f"{self._taken()} Wait and try your request again."),
            )
        finally:
            self._wanting_room[model.arn] -= 1
            self._wanting_room += Counter()  # drops what nobody wants any more

    def _has_room(self, model: ServableModel) -> bool:
        """Whether one more copy fits. A model alone always may try: what it takes is an estimate."""
        limit = self._limits.memory_bytes
        fits = limit is None or not self._tasks or self._memory_bytes + model.memory_bytes <= limit
        return fits and len(self._tasks) < self._limits.max_copies

    @property
    def _memory_bytes(self) -> int:
        return sum(copy.model.memory_bytes for copy in self._tasks)

    def _taken(self) -> str:
        if len(self._tasks) >= self._limits.max_copies:
            return f"All {self._limits.max_copies} model copies are in use."
        used, limit = self._memory_bytes / MIB, (self._limits.memory_bytes or 0) / MIB
        return f"Of the {limit:,.0f} MiB of memory for models, {used:,.0f} MiB are in use."

    def _evict(self) -> None:
        """Ends an idle copy, when fewer are ending than models wait for room."""
        ending = sum(copy.state is CopyState.DRAINING for copy in self._tasks)
        idle = self._longest_idle()
        if idle is not None and ending < len(self._wanting_room):
            self._end(idle, CopyEnd.EVICTED)

    def _longest_idle(self) -> Copy | None:
        """Returns the idle copy that was used longest ago.

        One that is kept warm goes only where there is no other: a model that cannot be loaded at all is worse off.
        """
        idle = [copy for copy in self._tasks if copy.is_idle]
        return min(idle, key=lambda copy: (copy.is_kept_warm, copy.last_used_at), default=None)

    async def _engine(self, copy: Copy, deadline: float) -> RunningEngine:
        """Returns the engine of a copy that the caller holds, once it is loaded."""
        if not copy.loaded.is_set():
            with self._one_more_waiting():
                await self._wait(copy.loaded, deadline - self._clock.monotonic())
        if copy.failure is not None:
            raise copy.failure
        if copy.engine is None:
            elapsed_s = self._clock.monotonic() - copy.started_at
            raise ModelNotReadyError(retry_after_s=max(SHORTEST_RETRY_S, self._expected_s(copy.model.arn) - elapsed_s))
        return copy.engine

    # --- a copy's life ---

    def _begin(self, model: ServableModel) -> Copy:
        now = self._clock.monotonic()
        copy = Copy(model=model, started_at=now, last_used_at=now)
        self._copies[model.arn] = copy
        self._tasks[copy] = asyncio.create_task(self._live(copy), name=f"copy of {model.arn}")
        return copy

    async def _live(self, copy: Copy) -> None:
        """Loads a copy, keeps it until it is to end, and stops its engine."""
        try:
            await self._load(copy)
            # What follows is logged for nobody's request: the one that began the load has its copy, or its error.
            structlog.contextvars.clear_contextvars()
            if copy.engine is not None:
                await self._until_over(copy)
        finally:
            if copy.engine is not None:
                await copy.engine.stop()
                log.info("copy_stopped", model_arn=copy.model.arn, reason=copy.end or CopyEnd.CLOSED)
            del self._tasks[copy]
            if self._copies.get(copy.model.arn) is copy:
                del self._copies[copy.model.arn]
            self._notify()

    async def _load(self, copy: Copy) -> None:
        log.info("copy_loading", model_arn=copy.model.arn)
        try:
            copy.engine = await self._start(copy)
        except asyncio.CancelledError:
            # Only `drain` and `close` cancel a load.
            copy.failure = _stopping()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised in every request that awaits the load
            copy.failure = error
        finally:
            copy.loaded.set()
        seconds = self._clock.monotonic() - copy.started_at
        if copy.failure is not None:
            log.warning("copy_failed", model_arn=copy.model.arn, seconds=seconds, error=type(copy.failure).__name__)
            return
        self._load_s[copy.model.arn] = self._latest_load_s = seconds
        copy.last_used_at = self._clock.monotonic()
        if copy.state is CopyState.LOADING:
            copy.move(CopyState.READY)
        log.info("copy_ready", model_arn=copy.model.arn, seconds=seconds)

    async def _start(self, copy: Copy) -> RunningEngine:
        """Starts an engine; where memory is short, once idle copies have made room."""
        while True:
            try:
                return await self._host.start(copy.model)
            except NotEnoughMemoryError:
                idle = self._longest_idle()
                if idle is None:
                    raise
                task = self._tasks[idle]
                self._end(idle, CopyEnd.EVICTED)
                await asyncio.wait({task})

    async def _until_over(self, copy: Copy) -> None:
        """Returns when the engine is to stop: after its last user, unless it died or the fleet closes."""
        while not copy.ending.is_set():
            is_wanted = copy.users > 0 or copy.is_kept_warm
            used_at = self._clock.monotonic() if is_wanted else copy.last_used_at
            left_s = used_at + self._limits.idle_s - self._clock.monotonic()
            if left_s <= 0:
                self._end(copy, CopyEnd.IDLE)
            else:
                await self._wait(copy.ending, left_s)
        if copy.end is CopyEnd.DRAINED:
            await _first_of(copy.unused.wait(), copy.cut.wait(), self._closing.wait())

    def _end(self, copy: Copy, end: CopyEnd) -> None:
        """Lets a copy drain. Its successor begins when its engine has stopped: only then are memory and caches free."""
        if copy.state is not CopyState.DRAINING:
            copy.drain(end)
        self._notify()

    # --- waiting ---

    async def _await_change(self, deadline: float, otherwise: Exception) -> None:
        """Returns when any copy changed. Raises `otherwise` at the deadline."""
        with self._one_more_waiting():
            if not await self._wait(self._changed, deadline - self._clock.monotonic()):
                raise otherwise

    async def _wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Waits for an event, but not for longer; returns whether it happened."""
        if seconds > 0 and not event.is_set():
            await _first_of(event.wait(), self._clock.sleep(seconds))
        return event.is_set()

    @contextmanager
    def _one_more_waiting(self) -> Iterator[None]:
        if self._waiting >= self._limits.max_waiting:
            raise ThrottledError("Too many requests are waiting for a model. Wait and try your request again.")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _expected_s(self, model_arn: str) -> float:
        return self._load_s.get(model_arn, self._latest_load_s)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _stopping() -> UnavailableError:
    return UnavailableError("the model", "this server is stopping")


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Returns when one of the waits is over; the others are cancelled and awaited."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
