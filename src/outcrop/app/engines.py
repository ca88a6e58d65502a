"""The inference engine that the settings name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from outcrop.adapters.device import device_name
from outcrop.adapters.engine_caches import EngineCaches
from outcrop.adapters.engine_openai import ProcessEngine
from outcrop.adapters.engine_remote import CAPABILITIES as REMOTE_CAPABILITIES
from outcrop.adapters.engine_remote import RemoteEngine
from outcrop.adapters.engine_transformers import transformers_profile
from outcrop.adapters.engine_vllm import vllm_profile
from outcrop.ports import Engine
from outcrop.serving.capabilities import Capabilities
from outcrop.settings import Settings, find_program

MIB = 1 << 20


def open_caches(settings: Settings) -> EngineCaches:
    """Returns where engines keep what they compile."""
    return EngineCaches(
        settings.data / "engine-caches", limit_bytes=settings.engine_cache_mib * MIB, device=device_name()
    )


def open_engine(
    settings: Settings, *, run_dir: Path, environment: Mapping[str, str], caches: EngineCaches
) -> tuple[Engine, Capabilities]:
    """Returns the engine, whose processes work in folders under `run_dir`, and what it can do."""
    if settings.engine.startswith(("http://", "https://")):
        return RemoteEngine(settings.engine, request_timeout_s=settings.engine_request_s), REMOTE_CAPABILITIES
    command = settings.engine_command or find_program(settings.engine)
    profile = (
        vllm_profile(command, options=shlex.split(settings.engine_options))
        if settings.engine == "vllm"
        else transformers_profile(command)
    )
    engine = ProcessEngine(
        profile,
        run_dir=run_dir,
        log_dir=settings.data / "logs",
        environment=environment,
        caches=caches,
        start_timeout_s=settings.engine_start_s,
        request_timeout_s=settings.engine_request_s,
    )
    return engine, profile.capabilities
