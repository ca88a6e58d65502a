"""A request that holds a copy of a model for as long as a test wants."""

from __future__ import annotations

import asyncio

from outcrop.ports import RunningEngine
from outcrop.records import ServableModel
from outcrop.serving.fleet import Fleet
from outcrop.testing.turned_clock import settle


class HeldRequest:
    """A request to a fleet; it ends when it is told to."""

    def __init__(self, fleet: Fleet, model: ServableModel, *, hold_s: float | None = None) -> None:
        self.engine: RunningEngine | None = None
        """The engine that it was given; None while it waits."""
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(fleet, model, hold_s))

    @classmethod
    async def begin(cls, fleet: Fleet, model: ServableModel, *, hold_s: float | None = None) -> HeldRequest:
        """Begins a request, and lets it come as far as it can."""
        request = cls(fleet, model, hold_s=hold_s)
        await settle()
        return request

    @classmethod
    async def once(cls, fleet: Fleet, model: ServableModel) -> None:
        """Makes a request that is over at once."""
        await (await cls.begin(fleet, model)).end()

    async def end(self) -> None:
        """Lets the request end, and everybody act on it. Raises what the request raised."""
        self._end.set()
        await self.task
        await settle()

    async def _run(self, fleet: Fleet, model: ServableModel, hold_s: float | None) -> None:
        async with fleet.copy_of(model, hold_s=hold_s) as engine:
            self.engine = engine
            await self._end.wait()
