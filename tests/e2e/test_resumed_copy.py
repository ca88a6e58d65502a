"""A large copy that is killed in the middle: what was recorded of it is not asked of the source again.

The source decides what the middle is: it serves so many ranges and no more. It counts the bytes of each.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from outcrop.artifact.envelope import SEGMENT_BYTES, Run, runs
from tests.e2e.servers import running_server
from tests.holes import make_of_holes
from tests.services.counting_s3 import LARGE_BYTES, CountingS3, Served, counting_s3
from tests.services.null_engine_server import null_engine_server

WEIGHTS_BYTES = 1 << 30
SERVED_BEFORE = 7
"""Ranges that the source serves before the kill: of 64 MiB each, as the parts of so large a file are."""
LEAST_RECORDED = 4
"""Parts are recorded once they are 256 MiB."""
WEIGHTS = "model-00001-of-00001.safetensors"
WAIT_S = 180.0


def await_that(holds: Callable[[], bool], told: Callable[[], str]) -> None:
    """Polls until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def recorded(data: Path, size_bytes: int) -> list[Run]:
    """The parts of the weights that the journal has."""
    with closing(sqlite3.connect(f"file:{data / 'catalog.sqlite'}?mode=ro", uri=True)) as catalog:
        path = f"files/{WEIGHTS}"
        sizes = catalog.execute("SELECT part_bytes FROM copies WHERE path = ?", (path,)).fetchall()
        numbers = catalog.execute("SELECT number FROM copied_parts WHERE path = ?", (path,)).fetchall()
    parts = [runs(size_bytes, part_bytes // SEGMENT_BYTES) for (part_bytes,) in sizes]
    return [parts[0][number] for (number,) in numbers]


def served_of(source: CountingS3) -> int:
    """Bytes of the weights that were served for the copy."""
    return sum(each.size_bytes for each in source.served)


def overlap(run: Run, served: Served) -> bool:
    """Whether a part and a range have a byte in common."""
    return run.plain_begin < served.stop and served.first < run.plain_end


def test_a_killed_copy_of_a_gibibyte_reads_nothing_twice_that_it_recorded(tmp_path: Path) -> None:
    """And what it does read twice is what was under way: served, and not recorded yet."""
    data, root = tmp_path / "data", tmp_path / "buckets"
    (root / "models").mkdir(parents=True)
    weights = make_of_holes(root / "models" / "large", shards=1, shard_bytes=WEIGHTS_BYTES) / WEIGHTS
    size = weights.stat().st_size
    with counting_s3(root) as source, null_engine_server() as engine:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        environment = {**keys, "AWS_ENDPOINT_URL_S3": source.url}
        source.most = SERVED_BEFORE
        with running_server(data, "--engine", engine, environment=environment, is_killed=True) as server:
            job = server.create_import("large", "s3://models/large/")
            await_that(
                lambda: len(source.served) == SERVED_BEFORE and len(recorded(data, size)) >= LEAST_RECORDED,
                lambda: f"{source.served}\n{server.log()}",
            )
        kept, before = recorded(data, size), len(source.served)
        under_way = served_of(source) - sum(run.plain_bytes for run in kept)
        source.most = None
        source.dropped.set()

        with running_server(data, "--engine", engine, environment=environment) as server:
            ended = server.ended(job)
            stored = server.stored_bytes()
            log = server.log()
    shutil.rmtree(data)  # a gibibyte, which pytest would keep

    assert (ended["status"], ended.get("failureMessage")) == ("Completed", None)
    assert len(kept) >= LEAST_RECORDED
    again = source.served[before:]
    assert [each for each in again if any(overlap(run, each) for run in kept)] == []
    # The file's last part is less than 1 MiB, and not counted.
    assert 0 <= size - sum(run.plain_bytes for run in kept) - sum(each.size_bytes for each in again) < LARGE_BYTES
    assert served_of(source) <= size + under_way
    assert stored > size
    assert "Traceback" not in log
