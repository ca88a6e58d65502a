"""Starting engine processes, talking to them, and ending them; a stub stands for the engine."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from outcrop.adapters.engine_caches import EngineCaches
from outcrop.adapters.engine_http import EngineHttp
from outcrop.adapters.engine_openai import ProcessEngine
from outcrop.adapters.engine_profile import EngineProfile
from outcrop.errors import EngineError
from outcrop.ports import RunningEngine
from outcrop.records import ArtifactRef
from outcrop.serving.capabilities import Capabilities

pytestmark = pytest.mark.anyio

STUB = Path(__file__).with_name("stub_engine.py")
PATIENCE_S = 30.0
LABEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"
Start = Callable[..., Any]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, whose path holds what transformers would take for a revision."""
    made = tmp_path / "model@home"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


def stub(mode: str) -> EngineProfile:
    """The kind of engine that the stub is, in a mode."""

    def arguments(folder: str, port: int) -> Sequence[str]:
        return (str(STUB), mode, folder, str(port))

    return EngineProfile(
        capabilities=Capabilities(engine="stub engine", features=frozenset()),
        command=sys.executable,
        install="nothing",
        distribution="stub",
        arguments=arguments,
        environment={"STUB": "yes"},
        cache_environment=lambda folder: {"STUB_CACHE": str(folder)},
        body={"model": "stub"},
    )


def engine(tmp_path: Path, mode: str = "serve", **options: Any) -> ProcessEngine:
    """An engine of the stub."""
    return ProcessEngine(
        stub(mode),
        run_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
        environment={"PATH": "/usr/bin:/bin"},
        **options,
    )


@pytest.fixture
async def running(tmp_path: Path, folder: Path) -> AsyncIterator[RunningEngine]:
    """A stub that has loaded the model."""
    made = await engine(tmp_path).start(str(folder), label=LABEL)
    yield made
    await made.stop()


def has_ended(pid: int) -> bool:
    """Says whether a process is gone, after waiting for it."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            return bool(select.select([descriptor], [], [], PATIENCE_S)[0])
        finally:
            os.close(descriptor)
    return True


async def test_a_started_engine_has_the_model_and_answers(running: RunningEngine) -> None:
    """The folder reaches the engine by a short name, free of what engines give a meaning to."""
    told = await running.post("/v1/completions", {"prompt": "x"})

    assert running.is_alive
    assert running.description == "stub engine (unknown version)"
    assert told["files"] == {"config.json": "{}"}
    assert told["arguments"][2] == "./model"
    assert told["body"] == {"prompt": "x", "model": "stub"}


async def test_an_engine_sees_nothing_of_our_environment(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials do not reach it; its home is a scratch folder; it is told to stay offline."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("OUTCROP_DATA", "secret")
    running = await engine(tmp_path).start(str(folder), label=LABEL)
    told = await running.post("/v1/completions", {})
    await running.stop()
    seen = dict(told["environment"])

    assert seen.pop("HOME") == told["folder"]
    assert Path(told["folder"]).parent == tmp_path / "run"
    assert seen.pop("PATH") == "/usr/bin:/bin"
    assert {name: value for name, value in seen.items() if name != "LC_CTYPE"} == {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        "STUB": "yes",
    }


async def test_what_an_engine_compiles_is_kept_for_the_next(tmp_path: Path, folder: Path) -> None:
    """Both are told of the same folder; one that did not load leaves nothing in it."""
    kept = EngineCaches(tmp_path / "caches", limit_bytes=1 << 20, device="cpu")
    artifact = ArtifactRef(artifact_id="one", manifest_sha256="a" * 64, key_arn="", wrapped_key=b"")
    places = []
    for _ in range(2):
        running = await engine(tmp_path, caches=kept).start(str(folder), label=LABEL, artifact=artifact)
        told = await running.post("/v1/completions", {})
        await running.stop()
        places.append(Path(told["environment"]["STUB_CACHE"]))
        (places[0] / "kernel").touch()

    assert places[0] == places[1]
    assert [path.name for path in places[0].iterdir()] == ["kernel"]
    with pytest.raises(EngineError):
        await engine(tmp_path, "fail", caches=kept).start(str(folder), label=LABEL, artifact=artifact)
    assert not places[0].exists()
    assert kept.open(artifact, "stub engine (unknown version)") is not None


async def test_a_stopped_engine_is_gone(tmp_path: Path, running: RunningEngine) -> None:
    """Process, scratch folder and connection; stopping again does nothing; its log stays."""
    pid = (await running.post("/v1/completions", {}))["pid"]

    await running.stop()
    await running.stop()

    assert has_ended(pid)
    assert not running.is_alive
    assert list((tmp_path / "run").iterdir()) == []
    assert (tmp_path / "logs/engine-abcdefghijkl.log").read_text() == "loading ./model\nasked /v1/completions\n"
    with pytest.raises(EngineError, match=r"stub engine .* has ended"):
        await running.post("/v1/completions", {})


async def test_an_engine_that_is_killed_is_told_to_have_been(running: RunningEngine) -> None:
    """Not by the words of its log, which has none of that."""
    pid = (await running.post("/v1/completions", {}))["pid"]

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError) as caught:
        await asyncio.wait_for(_until_it_fails(running), PATIENCE_S)

    assert caught.value.was_killed


async def _until_it_fails(running: RunningEngine) -> None:
    while True:
        await running.post("/v1/completions", {})


async def test_an_engine_that_ends_while_loading_is_told_at_once(tmp_path: Path, folder: Path) -> None:
    """No timeout is waited for; the error holds the status and the last output, and nothing is left."""
    with pytest.raises(EngineError) as caught:
        await engine(tmp_path, "fail").start(str(folder), label=LABEL)

    assert str(caught.value) == "stub engine (unknown version) ended with status 3 while it loaded the model"
    assert caught.value.log_tail == "loading ./model\nValueError: this is no model\n"
    assert not caught.value.was_killed
    assert list((tmp_path / "run").iterdir()) == []


async def test_an_engine_that_does_not_load_in_time_is_ended(tmp_path: Path, folder: Path) -> None:
    """The time limit is the operator's."""
    with pytest.raises(EngineError, match=r"did not load the model within 0\.5 seconds"):
        await engine(tmp_path, "never", start_timeout_s=0.5).start(str(folder), label=LABEL)

    assert list((tmp_path / "run").iterdir()) == []


async def test_a_start_that_is_cancelled_leaves_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stops while a model loads does not leave the engine behind."""
    was_asked = asyncio.Event()

    async def is_healthy(_: EngineHttp) -> bool:
        was_asked.set()
        return False

    monkeypatch.setattr(EngineHttp, "is_healthy", is_healthy)
    starting = asyncio.create_task(engine(tmp_path).start(str(folder), label=LABEL))
    await was_asked.wait()

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert list((tmp_path / "run").iterdir()) == []


async def test_an_engine_that_dies_is_told_with_its_last_output(running: RunningEngine) -> None:
    """A request in flight fails with an EngineError, and the engine is known to be dead."""
    with pytest.raises(EngineError, match="cannot be talked to") as caught:
        await running.post("/exit", {})
    await running._process.wait()

    assert "asked /exit" in caught.value.log_tail
    assert not running.is_alive


async def test_an_engine_whose_server_died_before_its_workers_is_no_longer_used(running: RunningEngine) -> None:
    """The next copy need not wait for what is left of it; vLLM's core outlives its server by seconds."""
    with pytest.raises(EngineError, match="cannot be talked to"):
        await running.post("/orphan", {})

    assert not running.is_alive
    with pytest.raises(EngineError, match="has ended"):
        await running.post("/v1/completions", {})


async def test_an_engine_that_no_longer_listens_is_no_longer_used(running: RunningEngine) -> None:
    """Its process lives, and is of no use."""
    with pytest.raises(EngineError, match="cannot be talked to"):
        await running.post("/deaf", {})

    assert not running.is_alive


async def test_a_program_that_is_missing_is_told_before_anything_is_made(tmp_path: Path, folder: Path) -> None:
    """Nothing is created for an engine that cannot run."""
    profile = EngineProfile(
        capabilities=Capabilities(engine="stub engine", features=frozenset()),
        command=None,
        install="pip install stub",
        distribution="stub",
        arguments=lambda *_: (),
        cache_environment=lambda _: {},
    )
    missing = ProcessEngine(profile, run_dir=tmp_path / "run", log_dir=tmp_path / "logs", environment={})

    with pytest.raises(EngineError, match="pip install stub"):
        await missing.start(str(folder), label=LABEL)

    assert not (tmp_path / "run").exists()
