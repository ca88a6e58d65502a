"""Runs the cases: finds which occasions each scenario comes to, kills at every one, and keeps what came of it."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError
from tests.crash.ends import await_settled, require_ended_well, require_no_process
from tests.crash.processes import Forked
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.worlds import Kind, Shared, World, new_world

from outcrop.crash_points import CrashPoint

AT_ONCE = 3
"""Cases that run at once: for half of its time, each waits for a process to start or to end."""

Occasion = tuple[CrashPoint, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A scenario, the world that it begins in, and the occasions that it comes to, once each."""

    scenario: Scenario
    template: World | None
    occasions: Sequence[Occasion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kill."""

    prepared: Prepared
    point: CrashPoint
    detail: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.prepared.scenario.name, self.point.label, self.detail) if part)


@dataclass(slots=True, kw_only=True)
class Campaign:
    """All kills of one kind of world."""

    shared: Shared
    kind: Kind
    outcomes: dict[CrashPoint, list[tuple[Case, Future[None]]]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def require_same_end(self, point: CrashPoint) -> None:
        """Raises what was wrong after a kill at a point, on any of its occasions; AssertionError if it has none."""
        cases = self.outcomes.get(point, [])
        assert cases, f"no scenario comes to {point.label}"
        for case, outcome in cases:
            try:
                outcome.result()
            except BaseException as error:
                error.add_note(f"after a kill in: {case}, on {self.kind}")
                raise

    def prepare(self, scenario: Scenario, stack: ExitStack) -> Prepared:
        """Does what is given, and then the whole without a kill, to see which points that comes to."""
        template = None
        if scenario.given is not None:
            template = stack.enter_context(self.world())
            server = template.serve()
            scenario.given(template)
            await_settled(template)
            assert server.end(signal.SIGTERM) == 0, template.log.read_text()
        with self.world(template, scenario=scenario) as world:
            trace = world.folder / "trace"
            process = _begin(scenario, world, trace=trace)
            scenario.act(world)
            if scenario.command is None and not scenario.stops:
                await_settled(world)
                process.end(signal.SIGTERM)
            assert process.ended() == 0, world.log.read_text()
            lines = dict.fromkeys(trace.read_text().splitlines())
        labels = {point.label: point for point in CrashPoint}
        occasions = [(labels[label], detail) for label, _, detail in (line.partition(" ") for line in lines)]
        return Prepared(scenario=scenario, template=template, occasions=occasions)

    def kill(self, case: Case) -> None:
        """Kills a process at a point, starts again, and finds the same end as without the kill."""
        scenario = case.prepared.scenario
        with self.world(case.prepared.template, scenario=scenario) as world:
            process = _begin(scenario, world, crash=(case.point, case.detail))
            with suppress(BotoCoreError, OSError):  # the server goes away under a call
                scenario.act(world)
            assert process.ended() == -signal.SIGKILL, world.log.read_text()
            server = world.serve()
            assert server.code is None, world.log.read_text()
            scenario.finish(world)
            require_ended_well(world, jobs=scenario.jobs, models=scenario.models)
            server.end(signal.SIGKILL)
            require_no_process(world)

    @contextmanager
    def world(self, template: World | None = None, *, scenario: Scenario | None = None) -> Iterator[World]:
        """Gives a new world, as a scenario needs it."""
        wanted = {}
        if scenario is not None:
            wanted = {name: getattr(scenario, name) for name in ("tells", "divides", "is_networked")}
        name = f"{self.kind}-{next(self._numbers)}"
        with new_world(self.shared, self.kind, name, template=template, **wanted) as world:
            yield world


@contextmanager
def campaign(shared: Shared, kind: Kind, points: frozenset[CrashPoint]) -> Iterator[Campaign]:
    """Begins every case of some points; they go on while their outcomes are asked for."""
    made = Campaign(shared=shared, kind=kind)
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        prepared = list(threads.map(lambda scenario: made.prepare(scenario, stack), SCENARIOS))
        try:
            for case in _cases(prepared):
                if case.point in points:
                    made.outcomes.setdefault(case.point, []).append((case, threads.submit(made.kill, case)))
            yield made
        finally:
            threads.shutdown(cancel_futures=True)


def _cases(prepared: Sequence[Prepared]) -> Iterator[Case]:
    """Yields a case for each occasion, in the first scenario that comes to it and in those where it means more."""
    seen: set[Occasion] = set()
    for each in prepared:
        for occasion in each.occasions:
            if occasion not in seen or occasion in each.scenario.also:
                seen.add(occasion)
                yield Case(prepared=each, point=occasion[0], detail=occasion[1])


def _begin(scenario: Scenario, world: World, *, crash: Occasion | None = None, trace: Path | None = None) -> Forked:
    if scenario.command is None:
        return world.serve(crash=crash, trace=trace)
    return world.fork(*scenario.command(world), crash=crash, trace=trace)
