"""Naming this machine's processors."""

from __future__ import annotations

from pathlib import Path

from outcrop.adapters.device import device_name

CPUINFO = (
    "processor : 0\nmodel name : Rock 9000\ncpu MHz : {mhz}\nflags : avx avx512f\n\nprocessor : 1\nmodel name : x\n"
)


def proc(folder: Path, *, mhz: int = 1000, card: str = "") -> Path:
    """What the kernel tells."""
    folder.mkdir()
    (folder / "cpuinfo").write_text(CPUINFO.format(mhz=mhz))
    if card:
        gpu = folder / "driver" / "nvidia" / "gpus" / "0000:01:00.0"
        gpu.mkdir(parents=True)
        (gpu / "information").write_text(f"Model: \t\t {card}\nIRQ: 5\n")
    return folder


def test_a_processor_is_named_by_what_code_is_compiled_for(tmp_path: Path) -> None:
    """Name and instructions, not the clock of the moment."""
    one, same = device_name(proc(tmp_path / "a")), device_name(proc(tmp_path / "b", mhz=3000))

    assert one == same == "model name=Rock 9000\nflags=avx avx512f"


def test_accelerators_are_named_too(tmp_path: Path) -> None:
    """What was compiled for one model runs on no other."""
    assert device_name(proc(tmp_path / "a", card="NVIDIA H200")).endswith("\nNVIDIA H200")


def test_an_unknown_machine_has_no_name(tmp_path: Path) -> None:
    """Elsewhere than on Linux."""
    assert device_name(tmp_path / "none") == ""
