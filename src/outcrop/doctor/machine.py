"""Whether a machine and its settings will do, from what was measured of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcrop.artifact.wording import rounded
from outcrop.doctor.outcomes import Outcome, ok, unknown, wrong

LEAST_MEMORY_BYTES = 2 << 30
"""An engine without a model takes about 1 GiB."""
LEAST_DISK_BYTES = 1 << 30
MOST_SKEW_S = 900.0
"""What AWS's signatures bear (RequestTimeTooSkewed): 15 minutes."""
SUSPICIOUS_SKEW_S = 300.0


def judge_packages(versions: Mapping[str, str | None]) -> Outcome:
    """Judges the Python packages that Outcrop needs: name → installed version, None where it is missing."""
    missing = sorted(name for name, version in versions.items() if version is None)
    if missing:
        return wrong(
            "packages", f"Not installed: {', '.join(missing)}.", "Install Outcrop anew: `pip install outcrop`."
        )
    return ok("packages", f"All {len(versions)} packages that Outcrop needs are installed.")


def judge_memory(total_bytes: int | None, available_bytes: int | None) -> Outcome:
    """Judges the memory that this process may take."""
    if total_bytes is None or available_bytes is None:
        return unknown("memory", "How much memory there is cannot be told here.", "Look with the platform's own tools.")
    told = f"{rounded(available_bytes)} of {rounded(total_bytes)} of memory are available"
    if available_bytes < LEAST_MEMORY_BYTES:
        return wrong(
            "memory", f"{told}; an engine takes about 1 GiB without a model.", "Give this machine more memory."
        )
    return ok("memory", f"{told}.")


def judge_memory_files(*, has_memfd: bool, plaintext_dir: str | None) -> Outcome:
    """Judges where plaintext weights may be while an engine loads them."""
    if has_memfd:
        return ok("memfd", "Plaintext weights stay in anonymous memory.")
    if plaintext_dir is not None:
        return ok("memfd", f"There are no anonymous memory files here; plaintext weights go to {plaintext_dir}.")
    return wrong(
        "memfd",
        "This platform has no anonymous memory files (memfd_create).",
        "Set --plaintext-dir to the folder that may hold plaintext weights while an engine loads them.",
    )


def judge_space(name: str, place: str, free_bytes: int) -> Outcome:
    """Judges the space of a folder that was written to and synced."""
    if free_bytes < LEAST_DISK_BYTES:
        return wrong(name, f"{place} has only {rounded(free_bytes)} free.", "Free space there, or name another folder.")
    return ok(name, f"{place} can be written to and synced; {rounded(free_bytes)} are free.")


def judge_clock(skew_s: float | None) -> Outcome | None:
    """Judges the difference of two clocks; None where it is within bounds."""
    if skew_s is None:
        return unknown("clock", "The store does not tell its time.", "Compare `date -u` on both machines.")
    return None if abs(skew_s) < SUSPICIOUS_SKEW_S else _skewed(skew_s)


def _skewed(skew_s: float) -> Outcome:
    ahead = "ahead of" if skew_s > 0 else "behind"
    told = f"This machine's clock is {abs(skew_s):,.0f} s {ahead} the store's"
    cure = "Set the clock that is wrong: `timedatectl set-ntp true`."
    if abs(skew_s) >= MOST_SKEW_S:
        return wrong("clock", f"{told}; signatures bear {MOST_SKEW_S:,.0f} s.", cure)
    return ok("clock", f"{told}, which signatures still bear.")


def judge_objects(place: str, keys: Sequence[str], prefix: str) -> Outcome:
    """Judges what lies under a prefix."""
    if not keys:
        return wrong("objects", f"There is nothing at {place}.", "Correct the prefix: `aws s3 ls` shows what there is.")
    names = {key.removeprefix(prefix) for key in keys}
    if "config.json" in names:
        return ok("objects", f"{place} holds config.json, and looks like a model.")
    nested = sorted(name for name in names if name.endswith("/config.json"))
    hint = f" There is {nested[0]}." if nested else ""
    return ok("objects", f"{place} holds objects, and no config.json among the first.{hint}")
