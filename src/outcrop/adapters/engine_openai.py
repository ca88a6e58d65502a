"""Engines that are started as a process for each copy of a model, and spoken to by the OpenAI HTTP API."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from outcrop.adapters.engine_caches import EngineCache, EngineCaches
from outcrop.adapters.engine_http import EngineHttp
from outcrop.adapters.engine_port import reserved_port
from outcrop.adapters.engine_process import EngineProcess
from outcrop.adapters.engine_profile import EngineProfile
from outcrop.adapters.engine_whole import whole_reply
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import EngineError
from outcrop.ports import RunningEngine
from outcrop.records import ArtifactRef, JsonObject

HEALTH_POLL_S = 0.05
STOP_GRACE_S = 10.0
"""How long an engine may take to end after SIGTERM."""
DEATH_S = 3.0
"""How long an engine whose answer broke off may take to be found dead."""
MODEL_LINK = "model"

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}
"""What every engine is told: nothing is fetched, nothing is reported, and output is not held back."""


class ProcessEngine:
    """Starts an engine process for each folder."""

    def __init__(
        self,
        profile: EngineProfile,
        *,
        run_dir: Path,
        log_dir: Path,
        environment: Mapping[str, str],
        caches: EngineCaches | None = None,
        start_timeout_s: float = 600.0,
        request_timeout_s: float = 300.0,
    ) -> None:
        """Keeps what each start needs.

        Args:
            profile: what kind of engine.
            run_dir: where each engine gets a scratch folder, its home.
            log_dir: where the output of engines is kept.
            environment: what engines may see of ours (settings.engine_environment).
            caches: where what is compiled for a model is kept; None: nowhere.
            start_timeout_s: how long a model may take to load, in seconds.
            request_timeout_s: how long a request may take, in seconds.
        """
        self._profile = profile
        self._run_dir = run_dir.absolute()
        self._log_dir = log_dir.absolute()
        self._environment = environment
        self._caches = caches
        self._start_timeout_s = start_timeout_s
        self._request_timeout_s = request_timeout_s

    async def start(self, folder: str, *, label: str, artifact: ArtifactRef | None = None) -> RunningEngine:
        """Returns once the engine has loaded the folder; it no longer needs it then. Raises EngineError."""
        program = self._profile.program()
        scratch = await asyncio.to_thread(self._make_scratch, folder)
        engine = None
        cache = await asyncio.to_thread(self._open_cache, artifact)
        kept = {} if cache is None else self._profile.cache_environment(cache.folder)
        try:
            with reserved_port() as port:
                process = await EngineProcess.start(
                    (program, *self._profile.arguments(f"./{MODEL_LINK}", port)),
                    environment={
                        **self._profile.environment,
                        **kept,
                        **self._environment,
                        **OFFLINE,
                        "HOME": str(scratch),
                    },
                    folder=scratch,
                    log=self._log_dir / f"engine-{_file_name(label)}.log",
                    grace_s=STOP_GRACE_S,
                )
                reached(CrashPoint.ENGINE_STARTED)
                http = EngineHttp(f"http://127.0.0.1:{port}", label=label, request_timeout_s=self._request_timeout_s)
                engine = ProcessRunningEngine(self._profile, process=process, http=http, scratch=scratch, cache=cache)
                await engine.until_ready(self._start_timeout_s)
            if cache is not None:
                await asyncio.to_thread(cache.keep)
        except BaseException:
            await asyncio.shield(_undo(engine, scratch, cache))
            raise
        return engine

    def _open_cache(self, artifact: ArtifactRef | None) -> EngineCache | None:
        if self._caches is None or artifact is None:
            return None
        return self._caches.open(artifact, self._profile.description)

    def _make_scratch(self, folder: str) -> Path:
        """Makes an engine's home and working folder, with a link to the model.

        The link gives the model a short relative name: transformers takes an `@` in a path for a revision.
        """
        for needed in (self._run_dir, self._log_dir):
            needed.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="engine-", dir=self._run_dir))
        (scratch / MODEL_LINK).symlink_to(Path(folder).absolute())
        return scratch


class ProcessRunningEngine:
    """An engine process that holds a model."""

    def __init__(
        self,
        profile: EngineProfile,
        *,
        process: EngineProcess,
        http: EngineHttp,
        scratch: Path,
        cache: EngineCache | None = None,
    ) -> None:
        self._profile = profile
        self._cache = cache
        self._process = process
        self._http = http
        self._scratch = scratch
        self._is_broken = False

    @property
    def description(self) -> str:
        """Engine and version."""
        return self._profile.description

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, and answers as far as is known."""
        return self._process.is_running and not self._is_broken

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        if self._profile.is_asked_by_stream:
            async with aclosing(self.stream(path, body)) as chunks:
                return await whole_reply(chunks)
        async with self._telling_last_words():
            return await self._http.post(path, {**body, **self._profile.body})

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Sends a request and yields the chunks of its reply. Raises as `post` does."""
        async with (
            self._telling_last_words(),
            aclosing(self._http.stream(path, {**body, **self._profile.body})) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def stop(self) -> None:
        """Ends the process and removes its scratch folder; does nothing the second time."""
        await self._http.close()
        await self._process.stop()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
        if self._cache is not None:
            self._cache.close()

    @asynccontextmanager
    async def _telling_last_words(self) -> AsyncIterator[None]:
        """Refuses when the engine has ended, and adds its last output to errors of its own."""
        if not self.is_alive:
            raise EngineError(
                f"{self.description} has ended", log_tail=self._process.log_tail(), was_killed=self._process.was_killed
            )
        try:
            yield
        except EngineError as error:
            # Connections of a dying engine break before its death is known, and the next request needs to know of it.
            with suppress(TimeoutError):
                async with asyncio.timeout(DEATH_S):
                    await self._process.wait()
            if self._process.is_running and not await self._http.is_healthy():
                # Such as vLLM's server, killed: its keeper ends the workers that it left, which takes a while.
                self._is_broken = True
            error.log_tail, error.was_killed = self._process.log_tail(), self._process.was_killed
            raise

    async def until_ready(self, timeout_s: float) -> None:
        """Returns once the engine is healthy. Raises EngineError when it ends first, or takes too long."""
        healthy = asyncio.create_task(self._poll())
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait((healthy, ended), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (healthy, ended):
                task.cancel()
            await asyncio.gather(healthy, ended, return_exceptions=True)
        if not ended.cancelled():
            what = f"ended with status {ended.result()} while it loaded the model"
        elif healthy.cancelled():
            what = f"did not load the model within {timeout_s:g} seconds"
        else:
            return
        raise EngineError(
            f"{self.description} {what}", log_tail=self._process.log_tail(), was_killed=self._process.was_killed
        )

    async def _poll(self) -> None:
        while not await self._http.is_healthy():  # noqa: ASYNC110  # another process sets no event of ours
            await asyncio.sleep(HEALTH_POLL_S)


async def _undo(engine: ProcessRunningEngine | None, scratch: Path, cache: EngineCache | None) -> None:
    if cache is not None:
        # While it is still ours: what made the load fail may lie in there.
        await asyncio.to_thread(cache.discard)
    if engine is not None:
        await engine.stop()
    await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


def _file_name(label: str) -> str:
    """Returns what of a label, such as a model's ARN, makes a file name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", label.rpartition("/")[2])[-64:]
