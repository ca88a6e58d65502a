"""Accelerators' memory, as the driver tells it: held against a stand-in for its library, built on the spot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from outcrop.adapters.memory_gpu import accelerator_bytes

# The five functions that are asked, with the signatures of nvml.h.
SOURCE = """
typedef struct { unsigned long long total, free, used; } memory_t;
static int devices[2];
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &devices[index]; return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
  memory->total = device == &devices[0] ? 85899345920ull : 25769803776ull;
  memory->free = memory->used = 0;
  return 0;
}
"""


def library(folder: Path, init: int = 0) -> str:
    """Compiles the stand-in; skips where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, built = folder / "nvml.c", folder / "libnvml.so"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", f"-DINIT={init}", "-o", built, source], check=True)
    return str(built)


def test_the_memory_of_all_devices_is_added_up(tmp_path: Path) -> None:
    """Two of them, 80 and 24 GiB."""
    assert accelerator_bytes(library(tmp_path)) == 104 * 2**30


def test_a_driver_that_is_not_loaded_means_none(tmp_path: Path) -> None:
    """The library may be there without the device."""
    assert accelerator_bytes(library(tmp_path, init=9)) is None


def test_no_library_means_none() -> None:
    """As on most machines."""
    assert accelerator_bytes("libno-such-thing.so.1") is None
