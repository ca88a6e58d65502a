"""JobEngine on DBOS: a durable workflow for each import job, on SQLite or Postgres.

What DBOS stores is JSON, never pickle. On SQLite, whose use DBOS calls a development mode, the connection sets what
durability needs: write-ahead log and a full sync of every commit (docs/decisions/0003-jobs.md).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import Serializer as DbosSerializer

from outcrop.adapters.sqlite import make_durable
from outcrop.ports import Workflow
from outcrop.records import JsonValue

QUEUE = "imports"
WORKFLOW = "import_model"
WORKFLOW_VERSION = "imports-1"
"""Changes only when a job that an older version began could not go on; DBOS resumes within one version."""
POLL_S = 0.2
STOP_GRACE_S = 15.0


class JsonSerializer(DbosSerializer):
    """Stores plain JSON, so that what one version wrote any other can read, and nothing that is read can run code."""

    def serialize(self, data: Any) -> str:
        """Encodes a value; an error is kept by its type and text."""
        if isinstance(data, BaseException):
            data = {"error": {"type": type(data).__name__, "message": str(data)}}
        return json.dumps(data, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """Decodes a value."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and set(data) == {"error"}:
            return RuntimeError(f"{data['error']['type']}: {data['error']['message']}")
        return data

    def name(self) -> str:
        """How DBOS marks the rows of this format."""
        return "outcrop_json"


class DbosJobEngine:
    """Runs import jobs on DBOS. One in a process: DBOS is a singleton."""

    def __init__(self, *, url: str, workflow: Workflow, concurrency: int, is_worker: bool) -> None:
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        self._workflow = workflow
        self._concurrency = concurrency
        self._is_worker = is_worker
        self._running: set[asyncio.Task[Any]] = set()
        self._registered: Callable[[str], Coroutine[Any, Any, None]] | None = None

    async def launch(self) -> None:
        """Starts working, and takes up what an earlier process left behind."""
        DBOS(
            config=DBOSConfig(
                name="outcrop",
                system_database_engine=self._engine,
                application_version=WORKFLOW_VERSION,
                serializer=JsonSerializer(),
                log_level="WARNING",
                use_listen_notify=False,
            )
        )

        async def import_model(job_id: str) -> None:
            await self._run(job_id)

        # Without a limit: a job that was interrupted often is still owed its end.
        self._registered = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(import_model)
        if not self._is_worker:
            DBOS.listen_queues([])
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=POLL_S, on_conflict="always_update"
        )

    async def start(self, job_id: str) -> None:
        """Makes sure that the job's workflow runs; starting it again is harmless."""
        if self._registered is None:
            raise RuntimeError("start() before launch()")
        with SetWorkflowID(job_id):
            await DBOS.enqueue_workflow_async(QUEUE, self._registered, job_id)

    async def close(self) -> None:
        """Stops taking work; what is under way goes on at the next launch."""
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS had put a pool of its own in the place of the loop's, and has shut it down: whoever stops after us
        # still needs threads.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_GRACE_S)
        self._engine.dispose()

    async def _run(self, job_id: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        await self._workflow(job_id, _run_step)


async def _run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    async def step() -> JsonValue:
        return await work()

    return await DBOS.run_step_async({"name": name}, step)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    make_durable(connection)
