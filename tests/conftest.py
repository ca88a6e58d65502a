"""Fixtures for all tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.e2e.servers import EXAMPLE
from tests.postgres import new_database, postgres_server

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


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'catalog.sqlite'}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with new_database(postgres) as url:
        yield url
