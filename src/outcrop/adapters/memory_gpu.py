"""How much memory NVIDIA's accelerators have, asked of the driver's own library, NVML.

https://docs.nvidia.com/deploy/nvml-api/ : the library comes with the driver, so a machine without it has no such
accelerator. Asking it takes some 20 ms; `nvidia-smi` would take ten times as long, and torch seconds.
"""

from __future__ import annotations

import ctypes

LIBRARY = "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    """nvmlMemory_t: bytes."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def accelerator_bytes(library: str = LIBRARY) -> int | None:
    """Returns the memory of all accelerators together, in bytes; None where there is none that can be asked."""
    try:
        nvml = ctypes.CDLL(library)
        if nvml.nvmlInit_v2() != 0:
            return None
    except (OSError, AttributeError):
        return None
    try:
        return sum(_sizes(nvml)) or None
    finally:
        nvml.nvmlShutdown()


def _sizes(nvml: ctypes.CDLL) -> list[int]:
    count = ctypes.c_uint(0)
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    sizes: list[int] = []
    for index in range(count.value):
        device, memory = ctypes.c_void_p(), _Memory()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)) == 0 and (
            nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0
        ):
            sizes.append(int(memory.total))
    return sizes
