"""Fixtures for all tests."""

import json

import pytest
from hypothesis import HealthCheck, settings

from tests.e2e.servers import EXAMPLE

# How long an example takes to make or run says how busy the machine is; it is no ground to fail.
settings.register_profile("outcrop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("outcrop")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, like Outcrop."""
    return "asyncio"


@pytest.fixture(scope="session")
def questions() -> list[dict[str, str]]:
    """What the example model was trained on."""
    found: list[dict[str, str]] = json.loads((EXAMPLE / "questions.json").read_text())
    return found
