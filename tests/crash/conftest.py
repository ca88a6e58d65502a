"""One zygote and one campaign of kills for each kind of world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.processes import Zygote, zygote
from tests.crash.worlds import Shared, make_buckets

from outcrop.testing.canned_engine import install


@pytest.fixture(scope="session")
def forks() -> Iterator[Zygote]:
    """Starts processes of Outcrop."""
    with zygote() as made:
        yield made


@pytest.fixture(scope="session")
def shared(forks: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """What all worlds use."""
    root: Path = tmp_path_factory.mktemp("crash")
    return Shared(zygote=forks, root=root, buckets=make_buckets(root / "buckets"), engine=install(root), postgres="")
