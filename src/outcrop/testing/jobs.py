"""A job engine in memory: it records steps like a real one, and can be stopped and launched again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from outcrop.ports import Share, Workflow
from outcrop.records import JsonValue


class FakeJobEngine:
    """JobEngine whose records live as long as the object."""

    def __init__(self, workflow: Workflow, share: Share | None = None) -> None:
        self._workflow = workflow
        self._share = share
        self._records: dict[str, dict[str, str]] = {}
        self._ended: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_launched = False

    async def launch(self) -> None:
        """Starts working, and takes up what was left."""
        self._is_launched = True
        for job_id in self._records:
            self._run(job_id)

    async def start(self, job_id: str, *, turn: int) -> None:  # noqa: ARG002  # it makes nobody wait
        """Makes sure that the job's workflow runs; starting it again is harmless."""
        self._records.setdefault(job_id, {})
        if self._is_launched:
            self._run(job_id)

    async def close(self) -> None:
        """Stops; what is under way goes on at the next launch."""
        self._is_launched = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _run(self, job_id: str) -> None:
        if job_id in self._ended or job_id in self._tasks:
            return
        self._tasks[job_id] = asyncio.create_task(self._work(job_id))

    async def _work(self, job_id: str) -> None:
        records = self._records[job_id]

        async def run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
            if name not in records:
                # As text, so that what is not JSON fails here as it would in a database.
                records[name] = json.dumps(await work())
            recorded: JsonValue = json.loads(records[name])
            return recorded

        async def run_shares(shares: Sequence[JsonValue]) -> AsyncIterator[JsonValue]:
            for number, share in enumerate(shares):
                if self._share is None:
                    raise RuntimeError("this engine was made without shares")
                key = f"share {number}"
                if key not in records:
                    records[key] = json.dumps(await self._share(job_id, json.loads(json.dumps(share))))
                yield json.loads(records[key])

        await self._workflow(job_id, run_step, run_shares)
        self._ended.add(job_id)
        self._tasks.pop(job_id, None)
