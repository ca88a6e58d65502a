"""What models are judged for: the engine that the settings name, and this machine. Starts and imports neither."""

from __future__ import annotations

import dataclasses

from outcrop.adapters.engine_transformers import transformers_profile
from outcrop.adapters.engine_vllm import vllm_profile
from outcrop.adapters.memory_gpu import accelerator_bytes
from outcrop.adapters.memory_limits import total_bytes
from outcrop.artifact.host import Host
from outcrop.errors import MIB
from outcrop.settings import Settings, find_program


def checking_host(settings: Settings) -> Host:
    """Returns where `outcrop check` supposes that the model will run: here, though it may be elsewhere."""
    if settings.engine.startswith(("http://", "https://")):
        # That engine has a machine of its own.
        return Host(engine=f"the engine at {settings.engine}")
    command = settings.engine_command or find_program(settings.engine)
    profile = vllm_profile(command) if settings.engine == "vllm" else transformers_profile(command)
    return Host(
        architectures=profile.architectures,
        engine=profile.description,
        memory_bytes=total_bytes(),
        accelerator_bytes=accelerator_bytes(),
        # transformers gives its layers to accelerators and processors as they fit (accelerate's device map "auto").
        splits_weights=settings.engine == "transformers",
    )


def memory_budget(settings: Settings) -> int | None:
    """Returns how many bytes all copies together may take; None where that is another machine's business."""
    if settings.memory_mib is not None:
        return settings.memory_mib * MIB
    host = checking_host(settings)
    return host.memory_bytes if host.accelerator_bytes is None else host.accelerator_bytes


def import_host(settings: Settings) -> Host:
    """Returns where a server's models will run: what does not fit here is refused."""
    return dataclasses.replace(checking_host(settings), must_run=True)
