"""The durable workflow of an import: plan → check → share or copy → verify → prove → publish, or fail.

Every step's outcome is JSON and is recorded by the job engine once it is true and synced; after a kill, the workflow
runs again and gets the recorded outcomes until it comes to the first step that has none. So each step may run twice,
and none may mind.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, cast

import structlog

from outcrop.artifact.examine import examine
from outcrop.artifact.identity import content_sha256
from outcrop.artifact.manifest import (
    copied_from_json,
    copied_to_json,
    file_from_json,
    file_to_json,
    source_from_json,
    source_to_json,
)
from outcrop.artifact.selection import select
from outcrop.errors import IllegalMoveError, ModelRejectedError, UnavailableError
from outcrop.imports import copy, publish, share, shares, verify
from outcrop.imports.failure import FailureCause, failure_cause, failure_message, is_expected
from outcrop.imports.inspection import inspect
from outcrop.imports.job import ALLOWED_FROM, ENDED
from outcrop.imports.measuring import count_end
from outcrop.imports.outages import through_outages
from outcrop.imports.plan import pin, plan
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools
from outcrop.ports import RunShares, RunStep
from outcrop.records import ImportJob, JobNote, JsonObject, JsonValue, ModelFacts, SourceLocation, SourceObject, Stage
from outcrop.records.measures import TAKEOVERS

log = structlog.get_logger()


_STUCK = "The import could not go on from where it was left. Start it again."


class _StepFailedError(Exception):
    """A recorded step says that the import has failed. Never leaves this module."""

    def __init__(self, message: str, cause: FailureCause) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause


class ImportPipeline:
    """The workflow and its steps. `run` is what the job engine calls for each job."""

    def __init__(self, tools: ImportTools) -> None:
        self._tools = tools

    async def run(self, job_id: str, run_step: RunStep, run_shares: RunShares) -> None:
        """Runs the import to its end. Returns also when the job had ended already, or another worker has it now."""
        try:
            claim = await self._claim(job_id)
            if claim.attempts > 1:
                self._tools.meter.add(TAKEOVERS)
            try:
                await self._run(claim, run_step, run_shares)
            except asyncio.CancelledError:
                await self._let_go(claim)
                raise
            finally:
                await self._tools.close_source(claim)
        except IllegalMoveError as error:
            # The job has ended, or a worker took it over from this one: nothing here may touch it any more.
            log.warning("job_given_up", job_id=job_id, reason=str(error))

    async def _claim(self, job_id: str) -> ImportJob:
        """Makes the job this run's own, and everything that earlier runs would still write of it void."""
        tools = self._tools
        return await through_outages(
            lambda: tools.claims.claim(job_id, worker=tools.worker), clock=tools.clock, outage_s=math.inf
        )

    async def _let_go(self, claim: ImportJob) -> None:
        """Says that this run ends in good order: its attempt does not count."""
        try:
            await self._tools.claims.let_go(claim.id, fence=claim.fence)
        except UnavailableError as error:
            log.warning("not_let_go", job_arn=claim.arn, reason=str(error))

    async def _run(self, claim: ImportJob, run_step: RunStep, run_shares: RunShares) -> None:
        async def step(name: str, work: Callable[[ImportJob], Awaitable[JsonValue]]) -> Any:
            return await self._step(claim, run_step, name, work)

        try:
            objects = [source_from_json(item) for item in await step("plan", self._plan)]
            facts = await step("check", lambda job: self._check(job, objects))
            chosen = {item["path"]: source_from_json(item["source"]) for item in facts["chosen"]}
            shared = await step("share", lambda job: self._share(job, chosen))
            if shared is None:
                await self._have_shared(
                    claim, run_shares, await step("prepare", lambda job: self._prepare(job, chosen))
                )
                copied = await step("copy", lambda job: self._copy(job, chosen))
            else:
                copied = shared["files"]
            files = await step("verify", lambda job: self._verify(job, copied))
            sha256 = await step("manifest", lambda job: self._manifest(job, files, shared))
            evidence = await step("prove", lambda job: self._prove(job, sha256, facts["model"]))
            await step("publish", lambda job: self._publish(job, sha256, chosen, facts["model"], evidence))
        except _StepFailedError as failure:
            await run_step("fail", partial(self._fail, claim, failure.message, failure.cause))

    async def _step(
        self, claim: ImportJob, run_step: RunStep, name: str, work: Callable[[ImportJob], Awaitable[JsonValue]]
    ) -> JsonValue:
        """Runs a step once, durably; a failure is recorded like a result, so that it is not tried again either."""
        tools = self._tools

        async def attempt() -> JsonValue:
            return await work(await self._own(claim))

        async def outcome() -> JsonObject:
            if claim.attempts > tools.most_attempts:
                return {"failed": _too_often(claim), "cause": FailureCause.GIVEN_UP}
            try:
                return await self._outcome(claim.id, name, attempt)
            except IllegalMoveError:
                await self._own(claim, running=True)
                # It is still this worker's, and cannot go on: what another version left, say. It must not stay so.
                log.exception("import_step_failed", job_id=claim.id, step=name)
                return {"failed": _STUCK, "cause": FailureCause.INTERNAL}

        with structlog.contextvars.bound_contextvars(job_id=claim.id, principal=claim.principal_arn):
            recorded = cast("Mapping[str, JsonValue]", await run_step(name, outcome))
        _require_done(recorded)
        return recorded["done"]

    async def _outcome(self, job_id: str, name: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonObject:
        """Does some work, through outages, and returns what came of it. Raises IllegalMoveError."""
        tools = self._tools
        try:
            return {"done": await through_outages(work, clock=tools.clock, outage_s=tools.outage_s)}
        except IllegalMoveError:
            raise
        except Exception as error:  # the worker's loop: whatever went wrong, the job must end
            message = failure_message(error, job_id=job_id)
            if is_expected(error):
                log.warning("import_step_failed", job_id=job_id, step=name, reason=message)
            else:
                log.exception("import_step_failed", job_id=job_id, step=name)
            return {"failed": message, "cause": failure_cause(error)}

    async def _own(self, claim: ImportJob, *, running: bool = False) -> ImportJob:
        """Returns the job as it is now. Raises IllegalMoveError when another worker has it, or it is not `running`."""
        job = await self._tools.jobs.get(None, claim.id)
        if job.fence != claim.fence or (running and job.stage in ENDED):
            raise IllegalMoveError(f"job {claim.id} is worked on by {job.worker} now")
        return job

    async def _enter(self, job: ImportJob, stage: Stage) -> ImportJob:
        tools = self._tools
        return await tools.jobs.move(
            job.id, stage, allowed_from=ALLOWED_FROM[stage], at=tools.clock.now(), fence=job.fence
        )

    async def _plan(self, job: ImportJob) -> JsonValue:
        if job.stage is Stage.PUBLISH and job.shared_artifact_id is None:
            # Begun anew by another version, perhaps after its bytes were made permanent and its journal forgotten.
            await self._tools.journal.forget(job.id)
            await self._tools.vault.delete(job.id)
        await self._enter(job, Stage.PLAN)
        store = await self._tools.open_source(job)
        objects = await plan(store, SourceLocation.parse(job.request.source_uri))
        return [source_to_json(item) for item in objects]

    async def _check(self, job: ImportJob, objects: list[SourceObject]) -> JsonValue:
        await self._enter(job, Stage.CHECK)
        tools, location = self._tools, SourceLocation.parse(job.request.source_uri)
        store = await tools.open_source(job)
        snapshot = await inspect(store, objects, location.prefix)
        report = await asyncio.to_thread(examine, snapshot, host=tools.host)
        selection = select(snapshot)
        told = {**report.to_json(), **selection.to_json(), "access": tools.access(job)}
        await tools.jobs.record(job.id, JobNote(report=told), fence=job.fence)
        if not report.is_importable(tools.profile) or report.facts is None:
            raise ModelRejectedError(report.summary(profile=tools.profile))
        by_path = {item.key.removeprefix(location.prefix): item for item in objects}
        taken = selection.taken
        log.info("source_selected", job_arn=job.arn, taken=len(taken), ignored=len(selection.ignored))
        pinned = await pin(store, [by_path[path] for path in taken])
        return {
            "model": asdict(report.facts),
            "chosen": [
                {"path": path, "source": source_to_json(source)} for path, source in zip(taken, pinned, strict=True)
            ],
        }

    async def _share(self, job: ImportJob, chosen: Mapping[str, SourceObject]) -> JsonValue:
        job = await self._enter(job, Stage.COPY)
        await self._tools.jobs.record(job.id, JobNote(bytes_total=_total(chosen)), fence=job.fence)
        found = await share.share(self._tools, job, chosen)
        return None if found is None else {"sha256": found[0], "files": [copied_to_json(file) for file in found[1]]}

    async def _prepare(self, job: ImportJob, chosen: Mapping[str, SourceObject]) -> JsonValue:
        """Makes the data key; returns the shares of an import that is worth dividing, else None."""
        tools = self._tools
        job = await self._enter(job, Stage.COPY)
        await copy.make_data_key(tools, job)
        if _total(chosen) <= tools.share_bytes:
            return None
        job = await tools.jobs.get(None, job.id)  # with its key
        return await shares.begin_shares(tools, job, store=await tools.open_source(job), chosen=chosen)

    async def _have_shared(self, claim: ImportJob, run_shares: RunShares, divided: Sequence[JsonValue] | None) -> None:
        """Waits until the shares of a copy are done. Raises _StepFailedError with the first one that failed."""
        if not divided:
            return
        job = await self._tools.jobs.get(None, claim.id)
        telling = asyncio.create_task(shares.tell_progress(self._tools, claim, total=job.progress.bytes_total))
        try:
            async for result in run_shares(divided):
                _require_done(cast("Mapping[str, JsonValue]", result))
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    async def run_share(self, job_id: str, share: JsonValue) -> JsonValue:
        """Copies a share of a job that this worker or another one has. What fails it is its result."""
        tools = self._tools

        async def work() -> JsonValue:
            job = await tools.jobs.get(None, job_id)
            shares.require_copying(job)
            with structlog.contextvars.bound_contextvars(principal=job.principal_arn):
                async with tools.lent_source(job) as store:
                    await shares.copy_share(tools, job, store=store, share=shares.ranges_of(share))
            return None

        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                return await self._outcome(job_id, "copy_share", work)
            except IllegalMoveError as error:
                log.warning("share_given_up", job_id=job_id, reason=str(error))
                return {"done": None}

    async def _copy(self, job: ImportJob, chosen: Mapping[str, SourceObject]) -> JsonValue:
        job = await self._enter(job, Stage.COPY)
        counter = self._counter(job, total=_total(chosen))
        store = await self._tools.open_source(job)
        files = await copy.copy_files(self._tools, job, store=store, chosen=chosen, counter=counter)
        await counter.tell()
        return [copied_to_json(file) for file in files]

    async def _verify(self, job: ImportJob, copied: list[Mapping[str, Any]]) -> JsonValue:
        job = await self._enter(job, Stage.VERIFY)
        counter = self._counter(job, total=job.progress.bytes_total)
        files = await verify.verify_files(self._tools, job, [copied_from_json(item) for item in copied], counter)
        await counter.tell()
        return [file_to_json(file) for file in files]

    async def _manifest(
        self, job: ImportJob, files: list[Mapping[str, object]], shared: Mapping[str, Any] | None
    ) -> JsonValue:
        found = [file_from_json(item) for item in files]
        if shared is not None:
            return share.require_manifest(job, found, sha256=shared["sha256"])
        return await verify.write_manifest(self._tools, job, found)

    async def _prove(self, job: ImportJob, sha256: str, model: Mapping[str, Any]) -> JsonValue:
        job = await self._enter(job, Stage.PROVE)
        return await self._tools.prove(verify.candidate(job, sha256), ModelFacts(**model))

    async def _publish(
        self,
        job: ImportJob,
        sha256: str,
        chosen: Mapping[str, SourceObject],
        model: Mapping[str, Any],
        evidence: JsonObject,
    ) -> JsonValue:
        if job.stage is Stage.COMPLETED:
            # This very step committed before a kill took its record: the model is published, once.
            return None
        job = await self._enter(job, Stage.PUBLISH)
        await publish.publish(
            self._tools,
            job,
            sha256=sha256,
            content=content_sha256(chosen),
            facts=ModelFacts(**model),
            evidence=evidence,
        )
        return None

    async def _fail(self, claim: ImportJob, message: str, cause: FailureCause) -> JsonValue:
        tools = self._tools

        async def end() -> None:
            job = await self._own(claim)
            if job.stage is Stage.FAILED:
                return
            await publish.discard(tools, job)
            now = tools.clock.now()
            await tools.jobs.move(
                job.id,
                Stage.FAILED,
                allowed_from=ALLOWED_FROM[Stage.FAILED],
                at=now,
                failure_message=message,
                fence=job.fence,
            )
            count_end(tools.meter, job, now, cause)
            log.info("import_failed", job_arn=job.arn, reason=message)

        # However long the catalog is away, the job ends when it is back.
        await through_outages(end, clock=tools.clock, outage_s=math.inf)
        return None

    def _counter(self, job: ImportJob, *, total: int) -> ByteCounter:
        tools = self._tools
        return ByteCounter(jobs=tools.jobs, clock=tools.clock, job=job, done=0, total=total)


def _require_done(recorded: Mapping[str, JsonValue]) -> None:
    """Raises _StepFailedError when the record of a step says that it failed."""
    if "failed" in recorded:
        # What an earlier version recorded has no cause.
        cause = FailureCause(str(recorded.get("cause", FailureCause.INTERNAL)))
        raise _StepFailedError(str(recorded["failed"]), cause)


def _total(chosen: Mapping[str, SourceObject]) -> int:
    return sum(item.size_bytes for item in chosen.values())


def _too_often(claim: ImportJob) -> str:
    """Says why a job fails that no worker survives."""
    return (
        f"The import was given up: {claim.attempts - 1} times its worker died in the stage {claim.stage}. "
        "The log of the workers, or of their machine, says of what; most often memory has run out."
    )
