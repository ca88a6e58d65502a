"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from tests.services.ceph_rgw import S3Server, ceph_rgw, missing_programs


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, like Outcrop."""
    return "asyncio"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server; skips where it is not installed."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"no real S3 server: {', '.join(missing)} not installed (.ci/run installs Debian's packages)")
    with ceph_rgw(tmp_path_factory.mktemp("ceph")) as server:
        yield server
