"""A CopyHost of null engines, whose loads a test can hold up, fail and count."""

from __future__ import annotations

import asyncio

from outcrop.records import ServableModel
from outcrop.testing.null_engine import NullRunningEngine


class NullHost:
    """Starts null engines, of no artifact at all."""

    def __init__(self) -> None:
        self.started: list[str] = []
        """ARNs in the order in which their loads began."""
        self.cancelled: list[str] = []
        """ARNs whose loads were cancelled."""
        self.engines: dict[str, NullRunningEngine] = {}
        """The newest engine of each model."""
        self.failure: Exception | None = None
        """What loads end with, once it is set."""
        self._may_load = asyncio.Event()
        self._may_load.set()

    def hold_up(self) -> None:
        """Makes loads wait."""
        self._may_load.clear()

    def let_go(self) -> None:
        """Lets loads end."""
        self._may_load.set()

    async def start(self, model: ServableModel) -> NullRunningEngine:
        """Returns an engine, when it may. Raises what it was told to."""
        self.started.append(model.arn)
        try:
            await self._may_load.wait()
        except asyncio.CancelledError:
            self.cancelled.append(model.arn)
            raise
        if self.failure is not None:
            raise self.failure
        self.engines[model.arn] = NullRunningEngine(model.arn)
        return self.engines[model.arn]
