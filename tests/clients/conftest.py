"""A server of its own for each client, with the example model as `s3://models/good/`."""

import os
import shutil
from collections.abc import Iterator, Mapping

import pytest
from tests.e2e.servers import EXAMPLE, RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that no other file's tests have imported into."""
    buckets = tmp_path_factory.mktemp("buckets")
    shutil.copytree(EXAMPLE / "model", buckets / "models" / "good")
    with running_server(tmp_path_factory.mktemp("server") / "data", "--buckets", str(buckets)) as running:
        yield running


@pytest.fixture(scope="module")
def client_environment(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What a client sees: the lines of `outcrop env`, the PATH, and a home without any AWS files."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home")), **server.variables}


@pytest.fixture(scope="module")
def guide(server: RunningServer) -> str:
    """The example model, imported; its ARN."""
    job = server.ended(server.create_import("guide", "s3://models/good/"))
    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    return str(job["importedModelArn"])
