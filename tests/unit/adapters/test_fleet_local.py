"""Copies on this machine: from an artifact, through memory, to an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from outcrop.adapters.fleet_local import LocalHost
from outcrop.adapters.memory_files import MemoryFiles
from outcrop.errors import EngineError, IntegrityError, KeyUnavailableError
from outcrop.ports import RunningEngine, WriteAt
from outcrop.records import ArtifactRef, ServableModel
from outcrop.testing.null_engine import NullEngine, NullRunningEngine

pytestmark = pytest.mark.anyio

MODEL = ServableModel(
    arn="arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl",
    artifact=ArtifactRef(artifact_id="x" * 12, manifest_sha256="0" * 64, key_arn="", wrapped_key=b""),
)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


class Artifact:
    """An artifact of one file."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path and size in bytes of the file."""
        return [("config.json", 2)]

    async def unseal(self, path: str, write: WriteAt) -> None:
        """Fills the file, or fails."""
        assert path == "config.json"
        if self._failure is not None:
            raise self._failure
        write(0, b"{}")


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


def read(path: Path) -> bytes:
    """What a file holds."""
    return path.read_bytes()


class LookingEngine(NullEngine):
    """A null engine that remembers what it was given, and may fail."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.seen = b""
        self.running: NullRunningEngine | None = None

    async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> NullRunningEngine:
        """Looks at the folder."""
        assert (label, artifact) == (MODEL.arn, MODEL.artifact)
        self.seen = read(Path(folder, "config.json"))
        if self._failure is not None:
            raise self._failure
        self.running = await super().start(folder, label=label, artifact=artifact)
        return self.running


def host(tmp_path: Path, engine: LookingEngine, artifact: Artifact | Exception) -> LocalHost:
    """A host of an engine and an artifact, or of one that cannot be opened."""

    async def open_artifact(model: ServableModel) -> Artifact:
        assert model is MODEL
        if isinstance(artifact, Exception):
            raise artifact
        return artifact

    return LocalHost(engine=engine, memory=MemoryFiles(run_dir=tmp_path), open_artifact=open_artifact)


async def test_the_engine_gets_the_unsealed_files_and_they_are_freed(tmp_path: Path) -> None:
    """Once the engine has the model, no plaintext is left outside of it."""
    engine = LookingEngine()

    running = await host(tmp_path, engine, Artifact()).start(MODEL)

    assert engine.seen == b"{}"
    assert running.is_alive
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("engine", "artifact", "failure"),
    [
        (LookingEngine(), KeyUnavailableError("disabled"), KeyUnavailableError),
        (LookingEngine(), Artifact(IntegrityError("changed")), IntegrityError),
        (LookingEngine(EngineError("it ended")), Artifact(), EngineError),
    ],
)
async def test_a_failure_leaves_nothing(
    tmp_path: Path, engine: LookingEngine, artifact: Artifact | Exception, failure: type[Exception]
) -> None:
    """Whatever fails on the way is raised as it is, and nothing stays behind."""
    with pytest.raises(failure):
        await host(tmp_path, engine, artifact).start(MODEL)

    assert names(tmp_path) == []


async def test_an_engine_of_a_cancelled_load_is_stopped(tmp_path: Path) -> None:
    """A load that is cancelled after the engine came up must not leave an engine that nobody knows of."""
    started = asyncio.Event()

    class Telling(LookingEngine):
        async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> NullRunningEngine:
            """Looks at the folder."""
            running = await super().start(folder, label=label, artifact=artifact)
            started.set()
            return running

    engine = Telling()
    loading: asyncio.Task[RunningEngine] = asyncio.create_task(host(tmp_path, engine, Artifact()).start(MODEL))
    await started.wait()

    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading

    assert engine.running is not None
    assert not engine.running.is_alive
