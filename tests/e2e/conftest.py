"""One server for most end-to-end tests, with the example model and its broken relatives as buckets."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import EXAMPLE, RunningServer, running_server


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one bucket, `models`: the example under `good`, and others that are broken in one way each."""
    root = tmp_path_factory.mktemp("buckets")
    models = root / "models"

    def variant(name: str) -> Path:
        return Path(shutil.copytree(EXAMPLE / "model", models / name))

    variant("good")
    (variant("no-config") / "config.json").unlink()
    weights = variant("truncated") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    shards = variant("missing-shard")
    (shards / "model.safetensors").rename(shards / "model-00001-of-00002.safetensors")
    (shards / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors"}})
    )
    config = variant("unsupported") / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "architectures": ["InternLM2ForCausalLM"]}))
    for name, number in (("not-numbers", b"\xc0\x7f"), ("all-zero", b"\x00\x00")):
        weights = variant(name) / "model.safetensors"
        data = weights.read_bytes()
        begin = 8 + int.from_bytes(data[:8], "little")  # after the header
        weights.write_bytes(data[:begin] + number * ((len(data) - begin) // 2))  # bfloat16, little endian
    return root


@pytest.fixture(scope="session")
def server(buckets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on local buckets."""
    with running_server(tmp_path_factory.mktemp("server") / "data", "--buckets", str(buckets)) as running:
        yield running


@pytest.fixture(scope="session")
def guide(server: RunningServer) -> str:
    """The example model, imported for the tests of the runtime operations; its ARN."""
    job = server.ended(server.create_import("guide", "s3://models/good/"))
    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    return str(job["importedModelArn"])
