"""Fixtures for all tests."""

import json

import pytest

from tests.e2e.servers import EXAMPLE


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, like Outcrop."""
    return "asyncio"


@pytest.fixture(scope="session")
def questions() -> list[dict[str, str]]:
    """What the example model was trained on."""
    found: list[dict[str, str]] = json.loads((EXAMPLE / "questions.json").read_text())
    return found
