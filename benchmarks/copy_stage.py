"""Outcrop's copy stage in a process of its own, as an import runs it: real store, vault, catalog and data key.

    python -m benchmarks.copy_stage '{"url": …, "vault": …, "keys": […], "memory_mib": 256, "then": "nothing"}'

Prints one JSON object: seconds, processor seconds, peak memory; with "then": "where", where the threads' time went.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from outcrop.adapters import local_part, store_s3, vault_local
from outcrop.adapters.catalog_sql import (
    Database,
    SqlArtifactCatalog,
    SqlCopyJournal,
    SqlJobCatalog,
    SqlJobClaims,
    SqlModelCatalog,
)
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.keys_local import LocalKeyring
from outcrop.arn import Tenant
from outcrop.artifact import checksum, envelope
from outcrop.artifact.host import ANYWHERE
from outcrop.imports.copy import BYTES_IN_MEMORY_PER_PART, copy_files, make_data_key
from outcrop.imports.progress import ByteCounter
from outcrop.imports.tools import ImportTools
from outcrop.records import ImportJob, ImportRequest, Progress, SourceObject, Stage, StageEntry

MIB = 1 << 20


async def run(given: dict[str, Any]) -> dict[str, Any]:
    """Copies, and measures it."""
    work = Path(given["vault"])
    database = Database(f"sqlite:///{work / 'catalog.sqlite'}")
    database.migrate()
    clock = SystemClock()
    keys = LocalKeyring(work / "keyring.json", account="000000000000", region="us-east-1", clock=clock)
    vault = vault_local.LocalVault(work / "vault")
    store = store_s3.S3ObjectStore(boto3.Session(), {})
    tools = ImportTools(
        jobs=SqlJobCatalog(database),
        claims=SqlJobClaims(database),
        models=SqlModelCatalog(database),
        artifacts=SqlArtifactCatalog(database),
        vault=vault,
        staging=vault,
        journal=SqlCopyJournal(database),
        keys_of=lambda _job: keys,
        clock=clock,
        open_source=lambda _job: _never(),
        prove=lambda _model, _facts: _never(),
        retire=lambda _arn: _never(),
        host=ANYWHERE,
        random_bytes=secrets.token_bytes,
        profile="outcrop",
        share_bytes=1 << 40,
        worker="benchmark",
        most_attempts=1,
        outage_s=0,
        runs_in_memory=asyncio.Semaphore(given["memory_mib"] * MIB // BYTES_IN_MEMORY_PER_PART),
    )
    tenant = Tenant(account="000000000000", region="us-east-1")
    at = clock.now()
    job = await tools.jobs.create(
        ImportJob(
            id="benchmark000",
            tenant=tenant,
            request=ImportRequest(job_name="b", imported_model_name="b", role_arn="r", source_uri="s3://bucket/"),
            model_id="benchmark001",
            key_arn=await keys.resolve(None, tenant),
            stage=Stage.COPY,
            created_at=at,
            modified_at=at,
            progress=Progress(entries=(StageEntry(stage=Stage.COPY, at=at),)),
        )
    )
    await make_data_key(tools, job)
    job = await tools.jobs.get(None, job.id)
    chosen = {key: await _pinned(store, given["bucket"], key) for key in given["keys"]}
    total = sum(source.size_bytes for source in chosen.values())
    spent = _watch() if given["then"] == "where" else {}
    before, began = os.times(), time.perf_counter()
    await copy_files(tools, job, store=store, chosen=chosen, counter=_counter(tools, job, total))
    seconds, after = time.perf_counter() - began, os.times()
    found = {
        "seconds": seconds,
        "cpu_s": after.user + after.system - before.user - before.system,
        "peak_rss_mb": _peak_rss_mb(),
        "bytes": total,
        "threads_s": dict(spent),
    }
    database.close()
    return found


async def _pinned(store: store_s3.S3ObjectStore, bucket: str, key: str) -> SourceObject:
    """Pins an object that cannot be listed: nginx has no lists."""
    head = await asyncio.to_thread(store._listing._client.head_object, Bucket=bucket, Key=key)  # noqa: SLF001
    listed = SourceObject(bucket=bucket, key=key, size_bytes=head["ContentLength"], etag=head["ETag"])
    return replace(await store.pin(listed), version_id=None)


def _counter(tools: ImportTools, job: ImportJob, total: int) -> ByteCounter:
    return ByteCounter(jobs=tools.jobs, clock=tools.clock, job=job, done=0, total=total)


async def _never() -> Any:
    raise AssertionError("the copy stage asked for what it does not need")


def _watch() -> dict[str, float]:
    """Counts the processor time of the copy's threads, by what they do: all of it, and what each step takes of it."""
    spent: dict[str, float] = defaultdict(float)
    lock = threading.Lock()

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                took = time.thread_time() - began
                with lock:
                    spent[name] += took

        return timed

    checksum.crc64nvme = watched("checksum", checksum.crc64nvme)
    envelope.SealedFile.seal = watched("seal", envelope.SealedFile.seal)  # type: ignore[method-assign]
    local_part.LocalPart.write = watched("write", local_part.LocalPart.write)  # type: ignore[method-assign]
    store_s3.S3ObjectStore._stream = watched("all", store_s3.S3ObjectStore._stream)  # type: ignore[method-assign]  # noqa: SLF001
    return spent


def _peak_rss_mb() -> float:
    """Peak resident memory of the process, in MB; not that of the parent, which `ru_maxrss` would begin with."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError("the kernel tells no VmHWM")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))))
