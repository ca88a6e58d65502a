"""A vault on a file system that is really full, or turns read-only: a small one that the test mounts, as root."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from outcrop.testing.canned_engine import install
from tests.e2e.canned import make_canned
from tests.e2e.servers import RunningServer, running_server
from tests.holes import make_of_holes
from tests.services.counting_s3 import counting_s3
from tests.services.null_engine_server import null_engine_server

SIZE_MIB = 24
WAIT_S = 120.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode != 0:
        pytest.skip(f"a test may not mount anything here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: who still has a file open there does not keep it in the tree.
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(disk: Path, mode: str) -> None:
    """Makes a disk read-only ("ro") or writable ("rw"), once nobody has a file open for writing."""
    deadline = time.monotonic() + WAIT_S
    while (
        told := subprocess.run(
            ["mount", "-o", f"remount,{mode}", str(disk)], check=False, capture_output=True, text=True
        )
    ).returncode != 0:
        assert time.monotonic() < deadline, told.stderr
        time.sleep(0.05)


def await_stage(server: RunningServer, text: str) -> None:
    """Waits until the server has logged something."""
    deadline = time.monotonic() + WAIT_S
    while text not in server.log():
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.02)


def left_in(vault: Path) -> list[Path]:
    """What the vault holds."""
    return [path for kind in ("artifacts", "staging") for path in (vault / kind).rglob("*")]


@pytest.mark.parametrize("is_known_before", [True, False])
def test_a_full_disk_fails_the_import_alone(tmp_path: Path, disk: Path, *, is_known_before: bool) -> None:
    """Whether the model never fits, or somebody else takes the space while it is copied."""
    root, vault = tmp_path / "buckets", disk / "vault"
    (root / "models").mkdir(parents=True)
    shard_mib = 2 * SIZE_MIB if is_known_before else SIZE_MIB * 3 // 4
    make_of_holes(root / "models" / "large", shards=1, shard_bytes=shard_mib << 20)
    make_of_holes(root / "models" / "small", shards=1, shard_bytes=1 << 20)
    with counting_s3(root) as source, null_engine_server() as engine:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        flags = ("--vault", str(vault), "--engine", engine)
        environment = {**keys, "AWS_ENDPOINT_URL_S3": source.url}
        with running_server(tmp_path / "data", *flags, environment=environment) as server:
            if not is_known_before:
                source.most = 0
            job = server.create_import("large", "s3://models/large/")
            if not is_known_before:
                assert source.held.wait(WAIT_S), server.log()
                _fill(disk / "others")
                source.most = None
                source.dropped.set()
            ended = server.ended(job)
            left = left_in(vault)
            (disk / "others").unlink(missing_ok=True)
            small = server.ended(server.create_import("small", "s3://models/small/"))
            models = server.client("bedrock").list_imported_models()["modelSummaries"]
            log = server.log()

    assert ended["status"] == "Failed"
    assert ended["failureMessage"].startswith(f"The model could not be stored: the vault at {vault}")
    assert "No space left on device" in ended["failureMessage"]
    assert left == []
    assert (small["status"], small.get("failureMessage")) == ("Completed", None)
    assert [model["modelName"] for model in models] == ["small"]
    assert "Traceback" not in log


def test_a_vault_that_turns_read_only_fails_the_import(tmp_path: Path, disk: Path) -> None:
    """It cannot become permanent; what is left of it goes once the vault can be written again."""
    vault = disk / "vault"
    buckets = make_canned(tmp_path / "buckets", "wait")
    flags = ("--buckets", str(buckets), "--vault", str(vault), "--engine-command", str(install(tmp_path)))
    with running_server(tmp_path / "data", *flags) as server:
        job = server.create_import("m", "s3://models/wait/")
        await_stage(server, "copy_loading")
        remount(disk, "ro")
        (server.data / "go").touch()
        ended = server.ended(job)
        refused = server.ended(server.create_import("refused", "s3://models/good/"))
        remount(disk, "rw")
        good = server.ended(server.create_import("good", "s3://models/good/"))
        models = server.client("bedrock").list_imported_models()["modelSummaries"]
    with running_server(tmp_path / "data", *flags) as server:
        held = sorted({path.name for kind in ("artifacts", "staging") for path in (vault / kind).iterdir()})
        log = server.log()

    for each in (ended, refused):
        assert each["status"] == "Failed"
        assert each["failureMessage"].startswith(f"The model could not be stored: the vault at {vault}")
        assert "Read-only file system" in each["failureMessage"]
    assert (good["status"], good.get("failureMessage")) == ("Completed", None)
    assert [model["modelName"] for model in models] == ["good"]
    assert held == [good["jobArn"].rpartition("/")[2]]
    assert "Traceback" not in log


def _fill(path: Path) -> None:
    """Writes until there is no space."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
