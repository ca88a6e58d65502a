"""The benchmarks' own parts still fit what they measure. What they measure here means nothing: it is tiny."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.load import measure_load
from tests.services.faulty_s3 import faulty_s3

COPY_S = 180.0


@pytest.mark.parametrize("then", ["nothing", "where"])
def test_the_copy_stage_runs_as_the_benchmark_runs_it(tmp_path: Path, then: str) -> None:
    """A whole copy, in a process of its own; and once more with its threads watched."""
    content = bytes(3 << 20)
    with faulty_s3(["bucket"]) as server:
        server.put("bucket", "a", content, {})
        given = {"vault": str(tmp_path), "bucket": "bucket", "keys": ["a"], "memory_mib": 64, "then": then}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.copy_stage", json.dumps(given)],
            env={
                "AWS_ENDPOINT_URL_S3": server.url,
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_REGION": "us-east-1",
            },
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=COPY_S,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["bytes"] == len(content)
    assert set(found["threads_s"]) == (set() if then == "nothing" else {"all", "checksum", "seal", "write"})


def test_the_load_runs_as_the_benchmark_runs_it(tmp_path: Path) -> None:
    """Sealed, loaded and copied."""
    assert measure_load(4 / 1024, 1, tmp_path) > 0
