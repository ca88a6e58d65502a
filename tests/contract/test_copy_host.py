"""Copies on this machine with the real embedded engine: loaded from memory, proved, and served after it is freed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop import settings
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.engine_openai import ProcessEngine
from outcrop.adapters.engine_transformers import CAPABILITIES, transformers_profile
from outcrop.adapters.fleet_local import LocalHost
from outcrop.adapters.memory_files import MemoryFiles
from outcrop.errors import ProofFailedError
from outcrop.ports import WriteAt
from outcrop.records import ArtifactRef, ModelFacts, ServableModel
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.serving.proof import prove_model

TRANSFORMERS = settings.find_program("transformers")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.engine,
    pytest.mark.skipif(TRANSFORMERS is None, reason="outcrop[transformers] is not installed"),
]

FACTS = ModelFacts(
    architecture="llama", is_instruct=True, parameters=1, weight_bytes=1, context_length=256, custom_model_units=1
)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


class PlainArtifact:
    """A folder of plaintext in the place of an artifact that was opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path and size in bytes of each file."""
        return [(path.name, path.stat().st_size) for path in self._folder.iterdir()]

    async def unseal(self, path: str, write: WriteAt) -> None:
        """Copies a file."""
        write(0, (self._folder / path).read_bytes())


def model(folder: Path) -> ServableModel:
    """A model whose artifact is a folder."""
    artifact = ArtifactRef(artifact_id=str(folder), manifest_sha256="", key_arn="", wrapped_key=b"")
    return ServableModel(arn=f"arn:aws:bedrock:us-east-1:000000000000:imported-model/{folder.name}", artifact=artifact)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet of this machine, with the real engine."""

    async def open_artifact(asked: ServableModel) -> PlainArtifact:
        return PlainArtifact(Path(asked.artifact.artifact_id))

    engine = ProcessEngine(
        transformers_profile(TRANSFORMERS, device="cpu"),
        run_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
        environment=settings.engine_environment(),
    )
    host = LocalHost(engine=engine, memory=MemoryFiles(run_dir=tmp_path / "run"), open_artifact=open_artifact)
    made = Fleet(host, SystemClock(), FleetLimits())
    yield made
    await made.close()


async def test_a_model_is_proved_and_served_from_memory_that_was_freed(
    fleet: Fleet, tmp_path: Path, tiny_llama: Path
) -> None:
    """The engine loads from links into our memory, answers when they are gone, and stays for the model's users."""
    evidence = await prove_model(
        model(tiny_llama), FACTS, fleet=fleet, capabilities=CAPABILITIES, clock=SystemClock(), load_s=120
    )
    async with fleet.copy_of(model(tiny_llama), hold_s=0) as engine:
        reply = await engine.post("/v1/completions", {"prompt": "hello", "max_tokens": 4})

    assert str(evidence["engine"]).startswith("transformers serve 5")
    assert evidence["output_tokens"] == 16
    assert evidence["text"]
    assert json.loads(json.dumps(reply))["usage"]["completion_tokens"] == 4
    assert [path.name for path in (tmp_path / "run").glob("model-*")] == []


async def test_a_model_without_numbers_is_refused(fleet: Fleet, broken_llama: Path) -> None:
    """Weights of NaN load and even generate greedily; the proof finds them out."""
    with pytest.raises(ProofFailedError, match=r"no token can be sampled .* NaN or infinity"):
        await prove_model(
            model(broken_llama), FACTS, fleet=fleet, capabilities=CAPABILITIES, clock=SystemClock(), load_s=120
        )


async def test_a_model_without_a_template_is_proved_by_a_completion(fleet: Fleet, tiny_llama: Path) -> None:
    """A base model needs no chat."""
    evidence = await prove_model(
        model(tiny_llama),
        replace(FACTS, is_instruct=False),
        fleet=fleet,
        capabilities=CAPABILITIES,
        clock=SystemClock(),
        load_s=120,
    )

    assert evidence["schema"] == "OpenAICompletion"


@pytest.fixture
def unknown_model(tmp_path: Path, tiny_llama: Path) -> Path:
    """A model of a type that the engine does not know."""
    folder = tmp_path / "unknown"
    folder.mkdir()
    for file in tiny_llama.iterdir():
        (folder / file.name).write_bytes(file.read_bytes().replace(b'"llama"', b'"nonesuch"'))
    return folder


async def test_a_model_that_the_engine_cannot_load_is_told_with_its_words(fleet: Fleet, unknown_model: Path) -> None:
    """The import fails with what the engine said last."""
    with pytest.raises(ProofFailedError, match=r"ended with status 1 while it loaded the model: .*nonesuch"):
        await prove_model(
            model(unknown_model), FACTS, fleet=fleet, capabilities=CAPABILITIES, clock=SystemClock(), load_s=120
        )
