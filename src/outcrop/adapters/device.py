"""Names this machine's processors, for what was compiled for them and runs on no others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_FIELDS = ("model name", "CPU part", "flags", "Features")
"""Of /proc/cpuinfo: name and instructions, on x86 and on Arm."""


def device_name(proc: Path = Path("/proc")) -> str:
    """Returns the processor's name and instructions, and the names of NVIDIA's accelerators; empty if unknown."""
    found: list[str] = []
    with suppress(OSError):
        first, _, _ = (proc / "cpuinfo").read_text(errors="replace").partition("\n\n")
        fields = [line.partition(":") for line in first.splitlines()]
        found += [f"{name.strip()}={value.strip()}" for name, _, value in fields if name.strip() in _FIELDS]
    for card in sorted((proc / "driver" / "nvidia" / "gpus").glob("*/information")):
        with suppress(OSError):
            lines = card.read_text(errors="replace").splitlines()
            found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return "\n".join(found)
