"""How much memory this process may take, in all and still: of the machine, and as its control groups allow. Linux."""

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


def total_bytes(root: Path = Path("/")) -> int | None:
    """Returns how many bytes the processes of this machine, or of this container, may take at most; None: unknown."""
    return min(_limits(root), default=None)


def _rooms(root: Path) -> Iterator[int]:
    yield from _of_machine(root, "MemAvailable:")
    for group, limit, usage_name in _limited_groups(root):
        with suppress(OSError, ValueError):
            yield max(0, limit - int((group / usage_name).read_text()) + _cache_bytes(group))


def _limits(root: Path) -> Iterator[int]:
    yield from _of_machine(root, "MemTotal:")
    yield from (limit for _, limit, _ in _limited_groups(root))


def _of_machine(root: Path, name: str) -> Iterator[int]:
    with suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith(name):
                yield int(line.split()[1]) * KIB


def _limited_groups(root: Path) -> Iterator[tuple[Path, int, str]]:
    """Yields each control group that limits this process, its limit, and the name of the file with its usage."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                yield from _limited(root / "sys/fs/cgroup", path, "memory.max", "memory.current")
            elif "memory" in controllers.split(","):
                mount = root / "sys/fs/cgroup/memory"
                yield from _limited(mount, path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _limited(mount: Path, path: str, limit_name: str, usage_name: str) -> Iterator[tuple[Path, int, str]]:
    """Yields a control group and each group above it, as far as they have limits.

    In a container, groups above its own cannot be seen, and the mount itself is its group.
    """
    group = mount / path.strip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(mount):
            return
        with suppress(OSError, ValueError):  # a group that cannot be seen, or `max`
            limit = int((folder / limit_name).read_text())
            if limit < UNLIMITED_BYTES:
                yield folder, limit, usage_name


def _cache_bytes(folder: Path) -> int:
    """Returns how much of a group's usage is file cache that the kernel gives up under pressure."""
    with suppress(OSError):
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                return int(line.split()[1])
    return 0
