"""A CopyHost whose loads are counted and timed."""

from __future__ import annotations

import asyncio

from outcrop.ports import Clock, CopyHost, Meter, RunningEngine
from outcrop.records import ServableModel
from outcrop.records.measures import ENGINE_LOAD_SECONDS, ENGINE_LOADS


class MeasuredHost:
    """Tells a meter of each load."""

    def __init__(self, host: CopyHost, meter: Meter, clock: Clock) -> None:
        self._host = host
        self._meter = meter
        self._clock = clock

    async def start(self, model: ServableModel) -> RunningEngine:
        """Loads a copy. Raises what the host raises."""
        began = self._clock.monotonic()
        try:
            engine = await self._host.start(model)
        except asyncio.CancelledError:
            self._meter.add(ENGINE_LOADS, outcome="cancelled")
            raise
        except Exception:
            self._meter.add(ENGINE_LOADS, outcome="failed")
            raise
        self._meter.add(ENGINE_LOADS, outcome="ready")
        self._meter.observe(ENGINE_LOAD_SECONDS, self._clock.monotonic() - began)
        return engine
