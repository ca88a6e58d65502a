"""An engine's process, under a keeper that ends it whatever happens to Outcrop (adapters/engine_keeper.py)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from outcrop.errors import EngineError

LOG_LIMIT_BYTES = 4 << 20
"""The newest output is in a file of at most this size, the output before it in another."""
LOG_TAIL_BYTES = 4096
KEEPER = Path(__file__).with_name("engine_keeper.py")
KEEPER_GRACE_S = 5.0
"""How long the keeper may take, beyond the engine's own grace, to kill and to end itself."""


class EngineProcess:
    """A running engine, or one that ended."""

    def __init__(self, keeper: asyncio.subprocess.Process, *, log: Path, grace_s: float) -> None:
        self._keeper = keeper
        self._log = log
        self._grace_s = grace_s

    @classmethod
    async def start(
        cls, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path, grace_s: float
    ) -> EngineProcess:
        """Starts a command.

        Args:
            command: program, by its path, and arguments.
            environment: all that the engine sees of an environment.
            folder: where it runs.
            log: where its output is kept; an absolute path.
            grace_s: how long it may take to end after SIGTERM, in seconds.

        Raises:
            EngineError: the machine gives no process.
        """
        try:
            keeper = await asyncio.create_subprocess_exec(
                # -I and -S: neither the environment nor the working folder can slip code under the keeper.
                *(sys.executable, "-I", "-S", str(KEEPER), str(grace_s), str(log), str(LOG_LIMIT_BYTES)),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"the engine's process cannot be started: {error.strerror}") from error
        return cls(keeper, log=log, grace_s=grace_s)

    @property
    def is_running(self) -> bool:
        """Whether the engine runs."""
        return self._keeper.returncode is None

    @property
    def was_killed(self) -> bool:
        """Whether it has ended by SIGKILL, or its keeper has, with which it ends."""
        return self._keeper.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)

    async def wait(self) -> int:
        """Returns the engine's exit status once it ended: 128 and the signal if one killed it."""
        return await self._keeper.wait()

    async def stop(self) -> None:
        """Ends the engine and everything that it started: SIGTERM, then SIGKILL after the grace; and reaps it."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()  # lets go of the leash
        try:
            async with asyncio.timeout(self._grace_s + KEEPER_GRACE_S):
                await self._keeper.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._keeper.pid, signal.SIGKILL)
            await self._keeper.wait()

    def log_tail(self) -> str:
        """Returns the last output of the engine."""
        with suppress(FileNotFoundError), self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
        return ""
