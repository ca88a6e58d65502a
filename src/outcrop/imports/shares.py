"""One large import's copy among several workers: who copies which parts of which files.

The job's own worker begins every file, cuts the parts into shares, and waits; whoever is free copies a share, into the
uploads that the journal names. Then the job's worker copies what is missing after all, and finishes the files. So a
share may be done twice at once, or not at all: the bytes of a part are the same, whoever seals it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from outcrop.artifact.manifest import file_path, source_from_json, source_to_json
from outcrop.errors import IllegalMoveError, UnavailableError
from outcrop.imports.copy import Copier, open_data_key
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools
from outcrop.ports import ObjectStore
from outcrop.records import ImportJob, JsonObject, JsonValue, SourceObject, Stage, Upload

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
"""How often a share looks whether its job still copies, and the job's worker how far the shares are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Consecutive parts of a file: from `first` up to, but not including, `stop`."""

    path: str
    source: SourceObject
    first: int
    stop: int


def cut(files: Sequence[tuple[str, SourceObject, Upload]], share_bytes: int) -> list[list[Range]]:
    """Returns all parts of all files, in order, in shares that are as small as reach `share_bytes`. Pure."""
    shares: list[list[Range]] = []
    room = 0
    for path, source, upload in files:
        first = 0
        while first < upload.part_count:
            if room <= 0:
                shares.append([])
                room = share_bytes
            stop = min(upload.part_count, first + max(1, -(-room // upload.part_bytes)))
            shares[-1].append(Range(path=path, source=source, first=first, stop=stop))
            room -= (stop - 1 - first) * upload.part_bytes + upload.size_of(stop - 1)
            first = stop
    return shares


async def begin_shares(
    tools: ImportTools, job: ImportJob, *, store: ObjectStore, chosen: Mapping[str, SourceObject]
) -> list[JsonValue]:
    """Begins every file that an earlier attempt did not, and returns the shares as JSON. Raises what a copy raises."""
    copier = Copier(tools, job, store=store, counter=_Lookout(tools, job), data_key=await open_data_key(tools, job))
    known = await tools.journal.find(job.artifact_id)
    begun = [
        (path, source, (await copier.begin(path, source, known.get(file_path(path)))).upload)
        for path, source in chosen.items()
    ]
    return [[_to_json(each) for each in share] for share in cut(begun, tools.share_bytes)]


async def copy_share(tools: ImportTools, job: ImportJob, *, store: ObjectStore, share: Sequence[Range]) -> None:
    """Copies a share's parts, of files that were not begun anew or finished since. Raises what a copy raises.

    Raises:
        IllegalMoveError: the job copies no longer.
    """
    lookout = _Lookout(tools, job)
    copier = Copier(tools, job, store=store, counter=lookout, data_key=await open_data_key(tools, job))
    known = await tools.journal.find(job.artifact_id)
    for each in share:
        done = known.get(file_path(each.path))
        if done is not None and await tools.staging.is_open(done.upload):
            wanted = range(each.first, min(each.stop, done.upload.part_count))
            await copier.fill(each.path, each.source, done, wanted)
    log.info("share_copied", job_arn=job.arn, worker=tools.worker, size_bytes=lookout.bytes_done)


async def tell_progress(tools: ImportTools, job: ImportJob, *, total: int) -> None:
    """Tells the catalog how far all shares together are, until it is cancelled or the job is another worker's."""
    while True:
        await tools.clock.sleep(LOOK_EVERY_S)
        try:
            done = min(await tools.journal.sealed_bytes(job.artifact_id), total)
            await ByteCounter(jobs=tools.jobs, clock=tools.clock, job=job, done=done, total=total).tell()
        except UnavailableError as error:
            log.warning("waiting_for", what=error.what, reason=error.reason)
        except IllegalMoveError:
            return


def ranges_of(share: JsonValue) -> list[Range]:
    """Reads a share that `begin_shares` returned."""
    items = share if isinstance(share, list | tuple) else []
    return [_from_json(item) for item in items if isinstance(item, Mapping)]


class _Lookout:
    """Counts a share's bytes, and ends the share when its job copies no longer."""

    def __init__(self, tools: ImportTools, job: ImportJob) -> None:
        self._tools = tools
        self._job = job
        self._looked_at = tools.clock.monotonic()
        self.bytes_done = 0

    async def add(self, count: int) -> None:
        """Counts bytes that are done. Raises IllegalMoveError."""
        self.bytes_done += count
        now = self._tools.clock.monotonic()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        require_copying(await self._tools.jobs.get(None, self._job.id))


def require_copying(job: ImportJob) -> None:
    """Raises IllegalMoveError when the job copies no longer."""
    if job.stage is not Stage.COPY:
        raise IllegalMoveError(f"job {job.id} is in the stage {job.stage}")


def _to_json(each: Range) -> JsonObject:
    return {"path": each.path, "source": source_to_json(each.source), "first": each.first, "stop": each.stop}


def _from_json(item: Mapping[str, JsonValue]) -> Range:
    return Range(
        path=str(item["path"]),
        source=source_from_json(item["source"]),  # type: ignore[arg-type]  # what _to_json made
        first=int(str(item["first"])),
        stop=int(str(item["stop"])),
    )
