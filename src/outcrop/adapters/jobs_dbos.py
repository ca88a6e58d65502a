"""JobEngine on DBOS: a durable workflow for each import job, on SQLite or Postgres.

What DBOS stores is JSON, never pickle. On SQLite, whose use DBOS calls a development mode, the connection sets what
durability needs: write-ahead log and a full sync of every commit (docs/decisions/0003-jobs-on-dbos.md).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID, WorkflowStatus
from dbos import Serializer as DbosSerializer
from dbos._error import DBOSException
from sqlalchemy.exc import DBAPIError

from outcrop.adapters import dbos_log, postgres
from outcrop.adapters.executors import Executors
from outcrop.adapters.sqlite import make_durable
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import UnavailableError
from outcrop.ports import Share, Workflow
from outcrop.records import JsonValue

log = structlog.get_logger()

Result = TypeVar("Result")

QUEUE = "imports"
SHARES = "shares"
WORKFLOW = "import_model"
SHARE = "import_share"
WORKFLOW_VERSION = "imports-1"
"""Changes only when a job that an older version began could not go on; DBOS resumes within one version.

While workers of the other version live, its jobs are theirs. Then they are begun anew, by workers of this one."""
SHARE_ATTEMPTS = 10
"""How many workers may die over a share before the job's own worker copies what is missing."""
POLL_S = 0.2
SHARE_POLL_S = 0.5
STOP_GRACE_S = 15.0
WATCH_S = 3.0
ONLY_EXECUTOR = "local"
"""The name of the one process that works on a SQLite file; the same each time, so that it finds its jobs again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many jobs run at once."""

    here: int
    """In one worker."""
    all: int | None = None
    """In all workers of a database together; None is without limit."""


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
    """Runs import jobs on DBOS. One in a process: DBOS is a singleton.

    On SQLite the data folder belongs to one process, and what an earlier one left is taken up at launch. On PostgreSQL
    any number of workers share the jobs: each has a name of its own, and the live ones take up the jobs of the dead.
    """

    def __init__(
        self, *, url: str, workflow: Workflow, share: Share, limits: Limits, is_worker: bool, watch_s: float = WATCH_S
    ) -> None:
        if url.startswith("sqlite:"):
            self._engine = sa.create_engine(url)
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            self._executors = None
        else:
            self._engine = postgres.engine_of(url)
            self._executors = Executors(self._engine) if is_worker else None
        self._workflow = workflow
        self._share = share
        self._limits = limits
        self._is_worker = is_worker
        self._watch_s = watch_s
        self._executor_id = ONLY_EXECUTOR
        self._running: set[asyncio.Task[Any]] = set()
        self._registered: Callable[[str], Coroutine[Any, Any, None]] | None = None
        self._registered_share: Callable[[str, JsonValue], Coroutine[Any, Any, JsonValue]] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def launch(self) -> None:
        """Starts working, and takes up what an earlier process left behind."""
        async with self._changing:
            await self._launch()
        if self._executors is None and self._is_worker:
            # The data folder is this process's: no other version has it.
            await self._begin_others_jobs(None)
        if self._executors is not None:
            self._watching = asyncio.create_task(self._watch(self._executors))

    async def start(self, job_id: str, *, turn: int) -> None:
        """Makes sure that the job's workflow runs; starting it again is harmless.

        Raises:
            UnavailableError: the database is away.
        """
        async with self._changing:
            if self._registered is None:
                raise UnavailableError("the job engine", "it is starting or stopping")
            try:
                with SetWorkflowID(job_id), SetEnqueueOptions(priority=turn):
                    await DBOS.enqueue_workflow_async(QUEUE, self._registered, job_id)
            except DBAPIError as error:
                raise UnavailableError("the jobs' database", type(error.orig).__name__) from error
        reached(CrashPoint.WORKFLOW_STARTED)

    async def answers(self) -> None:
        """Returns when the jobs' database answered. Raises UnavailableError, also while this process begins anew."""
        if self._registered is None:
            raise UnavailableError("the job engine", "it is starting or stopping")
        try:
            await asyncio.to_thread(self._ping)
        except DBAPIError as error:
            raise UnavailableError("the jobs' database", type(error.orig).__name__) from error

    def _ping(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1")).all()

    async def close(self) -> None:
        """Stops taking work; what is under way goes on at the next launch, or at another worker."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        async with self._changing:
            await self._stop()
        self._engine.dispose()

    async def _launch(self) -> None:
        if self._executors is not None:
            # Another name each time: nobody can take this process for the one that it was before.
            self._executor_id = uuid.uuid4().hex
            await asyncio.to_thread(self._executors.hold, self._executor_id, WORKFLOW_VERSION)
        dbos_log.take_over()
        DBOS(
            config=DBOSConfig(
                name="outcrop",
                system_database_engine=self._engine,
                application_version=WORKFLOW_VERSION,
                executor_id=self._executor_id,
                serializer=JsonSerializer(),
                log_level="WARNING",
                use_listen_notify=False,
            )
        )

        async def import_model(job_id: str) -> None:
            await self._tracked(partial(self._workflow, job_id, _run_step, partial(self._run_shares, job_id)))

        async def import_share(job_id: str, share: JsonValue) -> JsonValue:
            return await self._tracked(partial(self._share, job_id, share))

        # Without a limit: a job that was interrupted often is still owed its end.
        self._registered = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(import_model)
        self._registered_share = DBOS.workflow(name=SHARE, max_recovery_attempts=SHARE_ATTEMPTS)(import_share)
        if not self._is_worker:
            DBOS.listen_queues([])
        # In this thread: launched from another one, DBOS 3.4 takes twenty seconds to stop on SQLite.
        DBOS.launch()
        # The limits are rows of the database: those of the worker that started last hold for all.
        on_conflict: Literal["always_update", "never_update"] = "always_update" if self._is_worker else "never_update"
        here, everywhere = self._limits.here, self._limits.all
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=here if everywhere is None else min(here, everywhere),
            global_concurrency=everywhere,
            polling_interval_sec=POLL_S,
            on_conflict=on_conflict,
        )
        await DBOS.register_queue_async(
            SHARES, worker_concurrency=1, polling_interval_sec=POLL_S, on_conflict=on_conflict
        )

    async def _stop(self) -> None:
        self._registered = None
        # First, while DBOS still has its threads: without them, steps that go on would fail, and fail their jobs. What
        # is cancelled DBOS does not record, and so it is taken up again.
        await self._interrupt()
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS had put a pool of its own in the place of the loop's, and has shut it down: whoever stops after us
        # still needs threads.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        if self._executors is not None:
            await asyncio.to_thread(self._executors.release)

    async def _interrupt(self) -> None:
        """Cancels what runs, and waits for it."""
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_GRACE_S)

    async def _watch(self, executors: Executors) -> None:
        """Tells that this worker lives, and takes up the jobs of those that no longer do."""
        is_away = False
        while True:
            await asyncio.sleep(self._watch_s)
            try:
                if self._registered is not None and await asyncio.to_thread(executors.beat):
                    await self._take_over(executors)
                    await self._begin_others_jobs(executors)
                else:
                    await asyncio.to_thread(executors.require_reachable)
                    await self._begin_anew()
            except Exception as error:  # noqa: BLE001  # the worker's loop: whatever an outage does to DBOS, it goes on
                if not is_away:
                    log.warning("waiting_for", what="the jobs' database", reason=type(error).__name__)
                is_away = True
            else:
                is_away = False

    async def _begin_anew(self) -> None:
        """Another worker may have this one's jobs by now: they are let go, and taken up again by whoever is free."""
        log.warning("worker_lost_its_lock", executor=self._executor_id)
        async with self._changing:
            await self._stop()
            await self._launch()

    async def _take_over(self, executors: Executors) -> None:
        pending = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        others = {str(each.executor_id) for each in pending} - {self._executor_id}
        for executor_id in await asyncio.to_thread(executors.dead_among, sorted(others)):
            taken = await asyncio.to_thread(DBOS._recover_pending_workflows, [executor_id])  # noqa: SLF001  # DBOS's docs name no other way without its paid service
            log.info("took_over", executor=executor_id, jobs=[each.workflow_id for each in taken])

    async def _begin_others_jobs(self, executors: Executors | None) -> None:
        """Begins the jobs anew that another version began, once no worker of that version lives."""
        versions = {
            each.app_version
            for each in await DBOS.list_workflows_async(
                status=["PENDING", "ENQUEUED"], queue_name=QUEUE, load_input=False, load_output=False
            )
        } - {WORKFLOW_VERSION}
        for version in sorted(map(str, versions)):
            for each in await asyncio.to_thread(_forgotten, version, executors):
                log.warning("begins_anew", job_id=each.workflow_id, version=version)
                await self.start(each.workflow_id, turn=each.priority or 1)

    async def _run_shares(self, job_id: str, shares: Sequence[JsonValue]) -> AsyncIterator[JsonValue]:
        if self._registered_share is None:
            raise RuntimeError("shares of a job before launch()")
        handles = []
        for number, share in enumerate(shares):
            # By their number: the imports that are divided at the same time all go forward.
            with SetWorkflowID(f"{job_id}-{number}"), SetEnqueueOptions(priority=number + 1):
                handles.append(await DBOS.enqueue_workflow_async(SHARES, self._registered_share, job_id, share))
        for handle in handles:
            try:
                result = await handle.get_result(polling_interval_sec=SHARE_POLL_S)
            except (DBOSException, RuntimeError) as error:
                # Without DBOS's threads, the wait for them fails before it is cancelled.
                if self._registered is None:
                    raise asyncio.CancelledError from None
                # Too many workers died over it: it is left to the job's own, whose attempts are counted.
                log.warning("share_left", job_id=job_id, share=handle.workflow_id, reason=type(error).__name__)
            else:
                yield result

    async def _tracked(self, work: Callable[[], Awaitable[Result]]) -> Result:
        if self._registered is None:
            # Taken from the queue while this worker stops: as if it had been cancelled at once.
            raise asyncio.CancelledError
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        result = await work()
        reached(CrashPoint.WORKFLOW_DONE)
        return result


async def _run_step(name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    async def step() -> JsonValue:
        outcome = await work()
        reached(CrashPoint.STEP_DONE, name)
        return outcome

    recorded = await DBOS.run_step_async({"name": name}, step)
    reached(CrashPoint.STEP_RECORDED, name)
    return recorded


def _forgotten(version: str, executors: Executors | None) -> list[WorkflowStatus]:
    """Forgets the workflows of another version, unless a worker of it lives; returns them."""
    with nullcontext(enter_result=True) if executors is None else executors.alone(version) as is_alone:
        if not is_alone:
            return []
        found = DBOS.list_workflows(
            status=["PENDING", "ENQUEUED"], queue_name=QUEUE, app_version=version, load_input=False, load_output=False
        )
        DBOS.delete_workflows([each.workflow_id for each in found], delete_children=True)
        return found


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    make_durable(connection)
