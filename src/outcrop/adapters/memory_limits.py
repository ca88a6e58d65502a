"""How much memory this process may still take: what the machine has, and what its control groups allow. Linux."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KIB = 1024
UNLIMITED_BYTES = 1 << 60
"""Control groups of version 1 write a number of about this size for no limit."""


def available_bytes(root: Path = Path("/")) -> int | None:
    """Returns how many bytes can be taken before the machine or a control group is out of memory; None: unknown.

    Args:
        root: where `proc` and `sys` are.
    """
    return min(_rooms(root), default=None)


def _rooms(root: Path) -> Iterator[int]:
    with suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * KIB
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                yield from _group_rooms(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
            elif "memory" in controllers.split(","):
                yield from _group_rooms(
                    root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes"
                )


def _group_rooms(mount: Path, path: str, limit_name: str, usage_name: str) -> Iterator[int]:
    """Yields the room in a control group and in each group above it.

    In a container, groups above its own cannot be seen, and the mount itself is its group.
    """
    group = mount / path.strip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(mount):
            return
        with suppress(OSError, ValueError):  # a group that cannot be seen, or `max`
            limit = int((folder / limit_name).read_text())
            usage = int((folder / usage_name).read_text())
            if limit < UNLIMITED_BYTES:
                yield max(0, limit - usage + _cache_bytes(folder))


def _cache_bytes(folder: Path) -> int:
    """Returns how much of a group's usage is file cache that the kernel gives up under pressure."""
    with suppress(OSError):
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                return int(line.split()[1])
    return 0
