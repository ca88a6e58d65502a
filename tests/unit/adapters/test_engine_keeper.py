"""The keeper: nothing of an engine survives its stop, its own end, or the death of whoever started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from outcrop.adapters import engine_keeper
from outcrop.adapters.engine_process import KEEPER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfd and PR_SET_PDEATHSIG are Linux's")

PATIENCE_S = 30.0
"""How long a test waits for what should come at once, before it fails."""


class News:
    """A pipe with a name, by which processes that a test started tell it things."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._text = ""

    def line(self) -> str:
        """Waits for a line."""
        while "\n" not in self._text:
            assert select.select([self._pipe], [], [], PATIENCE_S)[0], "no news came"
            self._text += os.read(self._pipe, 4096).decode()
        found, _, self._text = self._text.partition("\n")
        return found

    def close(self) -> None:
        """Frees what is held."""
        os.close(self._pipe)


class Watch:
    """Processes that must be gone at the end of a test; they are killed if they are not."""

    def __init__(self) -> None:
        self._processes: dict[int, int] = {}

    def add(self, *pids: int) -> None:
        """Watches processes."""
        for pid in pids:
            with suppress(ProcessLookupError):
                self._processes[pid] = os.pidfd_open(pid)

    def has_ended(self, pid: int) -> bool:
        """Says whether a process is gone, after waiting for it; it may have been gone before it was watched."""
        return pid not in self._processes or bool(select.select([self._processes[pid]], [], [], PATIENCE_S)[0])

    def close(self) -> None:
        """Frees what is held."""
        for descriptor in self._processes.values():
            if not select.select([descriptor], [], [], 0)[0]:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)


@pytest.fixture
def news(tmp_path: Path) -> Iterator[News]:
    """What engines of this test say."""
    made = News(tmp_path / "news")
    yield made
    made.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Processes of this test."""
    made = Watch()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the engine's output is kept."""
    return tmp_path / "engine.log"


def keep(log: Path, *command: str, grace_s: float = 10, log_limit_bytes: int = 1 << 20) -> subprocess.Popen[bytes]:
    """Starts a keeper as adapters/engine_process.py does."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(KEEPER), str(grace_s), str(log), str(log_limit_bytes), *command],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def let_go(keeper: subprocess.Popen[bytes]) -> int:
    """Lets go of the leash, and returns the keeper's status."""
    assert keeper.stdin is not None
    keeper.stdin.close()
    return keeper.wait(PATIENCE_S)


def shell(script: str) -> tuple[str, ...]:
    """A command that runs a script."""
    return ("/bin/bash", "-c", textwrap.dedent(script))


def test_the_keeper_ends_as_its_engine_did(log: Path) -> None:
    """An engine that exits is noticed at once, with its status."""
    with keep(log, *shell("exit 7")) as keeper:
        assert keeper.wait(PATIENCE_S) == 7


def test_a_killed_engine_is_told_as_shells_tell_it(log: Path) -> None:
    """128 and the signal's number: the out-of-memory killer's 137 is known to every operator."""
    with keep(log, *shell("kill -KILL $$")) as keeper:
        assert keeper.wait(PATIENCE_S) == 137


def test_a_program_that_cannot_be_run_is_told(log: Path) -> None:
    """The reason is in the log."""
    with keep(log, "/none/such") as keeper:
        status = keeper.wait(PATIENCE_S)

    assert (status, log.read_text()) == (127, "/none/such: No such file or directory\n")


def test_letting_go_asks_the_engine_first(log: Path, news: News) -> None:
    """SIGTERM lets an engine end in its own way."""
    script = f"trap 'echo bye; exit 5' TERM; echo ready > {news.path}; sleep 1000 & wait"
    with keep(log, *shell(script)) as keeper:
        news.line()

        assert let_go(keeper) == 5
    assert log.read_text() == "bye\n"


def test_letting_go_at_once_ends_an_engine_that_has_hardly_begun(log: Path) -> None:
    """A SIGTERM that comes before the engine's program runs is not lost, which would cost the whole grace."""
    with keep(log, *shell("sleep 1000"), grace_s=1000) as keeper:
        assert let_go(keeper) == 128 + signal.SIGTERM


def test_nothing_of_an_engine_survives(log: Path, news: News, watch: Watch) -> None:
    """An engine that ignores SIGTERM is killed after the grace, with its workers, also those in other sessions."""
    script = f"""
        trap "" TERM
        sleep 1000 & worker=$!
        setsid sleep 1000 & apart=$!
        (sleep 1000 & echo $! > {news.path})   # whose parent is gone
        echo $$ $worker $apart > {news.path}
        wait
    """
    with keep(log, *shell(script), grace_s=0.1) as keeper:
        pids = [int(pid) for line in (news.line(), news.line()) for pid in line.split()]
        watch.add(*pids)

        assert let_go(keeper) == 137
    assert len(pids) == 4
    assert all(watch.has_ended(pid) for pid in pids)


def test_workers_do_not_survive_their_engine(log: Path, news: News, watch: Watch) -> None:
    """An engine that crashes leaves its workers to the keeper, and its status is still told."""
    with keep(log, *shell(f"sleep 1000 & echo $! > {news.path}; exit 9")) as keeper:
        worker = int(news.line())
        watch.add(worker)

        assert keeper.wait(PATIENCE_S) == 9
    assert watch.has_ended(worker)


def test_an_engine_does_not_survive_the_death_of_its_owner(log: Path, news: News, watch: Watch) -> None:
    """Outcrop killed by SIGKILL, which it cannot see coming, takes its engines and their workers along."""
    owner = f"""
        import subprocess, sys
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", {str(KEEPER)!r}, "0.1", {str(log)!r}, "1000000",
             "/bin/bash", "-c", "trap '' TERM; sleep 1000 & echo $$ $! $PPID > {news.path}; wait"],
            stdin=subprocess.PIPE, start_new_session=True)
        keeper.wait()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(owner)]) as process:
        pids = [int(pid) for pid in news.line().split()]
        watch.add(*pids)

        process.kill()
        process.wait(PATIENCE_S)

    assert all(watch.has_ended(pid) for pid in pids)


def test_an_engine_does_not_survive_the_death_of_its_keeper(log: Path, news: News, watch: Watch) -> None:
    """A keeper that is killed cannot act any more: the kernel does."""
    with keep(log, *shell(f"echo $$ > {news.path}; exec sleep 1000")) as keeper:
        engine = int(news.line())
        watch.add(engine)

        keeper.kill()
        keeper.wait(PATIENCE_S)

    assert watch.has_ended(engine)


def test_the_engine_gets_nothing_of_the_leash(log: Path) -> None:
    """An engine that reads its input finds its end."""
    with keep(log, *shell("cat; echo over")) as keeper:
        keeper.wait(PATIENCE_S)

    assert log.read_text() == "over\n"


def test_output_is_kept_within_a_limit(log: Path) -> None:
    """A full log is set aside, so that an engine's chatter cannot fill the disk; only its owner can read it."""
    kept = engine_keeper.Log(str(log), 250)

    for letter in (b"a", b"b", b"c", b"d", b"e"):
        kept.write(letter * 100)

    assert log.read_bytes() == b"e" * 100
    assert log.with_name("engine.log.1").read_bytes() == b"c" * 100 + b"d" * 100
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_log_of_the_run_before_is_set_aside(log: Path) -> None:
    """After a crash and a restart, the crash can still be read."""
    for word in ("first", "second"):
        with keep(log, *shell(f"echo {word}")) as keeper:
            keeper.wait(PATIENCE_S)

    assert log.read_text() == "second\n"
    assert log.with_name("engine.log.1").read_text() == "first\n"


def test_a_log_that_cannot_be_written_loses_output_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk does not end an engine that serves."""
    log = engine_keeper.Log(str(tmp_path / "engine.log"), 1000)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)

    log.write(b"lost")
