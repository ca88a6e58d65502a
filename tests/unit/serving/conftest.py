"""What the tests of the serving layer share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from outcrop.records import ArtifactRef, ModelFacts, ServableModel
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.testing.null_host import NullHost
from outcrop.testing.turned_clock import TurnedClock


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


@pytest.fixture
def clock() -> TurnedClock:
    """A clock that is turned by hand."""
    return TurnedClock()


@pytest.fixture
def host() -> NullHost:
    """A host of null engines."""
    return NullHost()


@pytest.fixture
async def fleet(host: NullHost, clock: TurnedClock) -> AsyncIterator[Fleet]:
    """A fleet with room for two copies and five waiting requests."""
    made = Fleet(host, clock, FleetLimits(hold_s=45, idle_s=300, max_copies=2, max_waiting=5))
    yield made
    await made.close()


@pytest.fixture
def facts() -> ModelFacts:
    """What is known of an instruct model."""
    return ModelFacts(
        architecture="llama",
        is_instruct=True,
        parameters=1,
        weight_bytes=1,
        context_length=4096,
        custom_model_units=1,
    )


@pytest.fixture
def models() -> list[ServableModel]:
    """Models a, b, c and d."""
    artifact = ArtifactRef(artifact_id="x" * 12, manifest_sha256="0" * 64, key_arn="", wrapped_key=b"")
    return [
        ServableModel(arn=f"arn:aws:bedrock:us-east-1:000000000000:imported-model/{name * 12}", artifact=artifact)
        for name in "abcd"
    ]
