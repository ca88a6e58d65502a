"""How much memory there is: the machine's, and what control groups leave of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from outcrop.adapters.memory_limits import available_bytes, total_bytes

GIB = 1 << 30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with 8 GiB available."""
    write(tmp_path / "proc/meminfo", f"MemTotal: 1 kB\nMemAvailable:  {8 * GIB // 1024} kB\n")
    return tmp_path


def write(path: Path, text: object) -> None:
    """Writes a file of the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}")


def test_without_groups_the_machine_s_memory_counts(root: Path) -> None:
    """MemAvailable is the kernel's own estimate of what can be taken without swapping."""
    assert available_bytes(root) == 8 * GIB


def test_a_group_s_limit_counts_when_it_is_tighter(root: Path) -> None:
    """Version 2: the limit less what is used, file cache that can be given up not counted as used."""
    write(root / "proc/self/cgroup", "0::/pod/box\n")
    group = root / "sys/fs/cgroup/pod/box"
    write(group / "memory.max", 4 * GIB)
    write(group / "memory.current", 3 * GIB)
    write(group / "memory.stat", f"anon 5\ninactive_file {GIB}\n")

    assert available_bytes(root) == 2 * GIB


def test_a_group_above_counts_too(root: Path) -> None:
    """A pod's limit binds its containers, which may have none themselves."""
    write(root / "proc/self/cgroup", "0::/pod/box\n")
    write(root / "sys/fs/cgroup/pod/box/memory.max", "max")
    write(root / "sys/fs/cgroup/pod/box/memory.current", GIB)
    write(root / "sys/fs/cgroup/pod/memory.max", 2 * GIB)
    write(root / "sys/fs/cgroup/pod/memory.current", GIB)

    assert available_bytes(root) == GIB


def test_in_a_container_the_mount_is_the_group(root: Path) -> None:
    """The path may be one that cannot be seen from within."""
    write(root / "proc/self/cgroup", "0::/../outer\n")
    write(root / "sys/fs/cgroup/memory.max", GIB)
    write(root / "sys/fs/cgroup/memory.current", 0)

    assert available_bytes(root) == GIB


def test_groups_of_version_one_count(root: Path) -> None:
    """Their files have other names, and a huge number for no limit."""
    write(root / "proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/box\n")
    group = root / "sys/fs/cgroup/memory"
    write(group / "box/memory.limit_in_bytes", GIB)
    write(group / "box/memory.usage_in_bytes", 2 * GIB)
    write(group / "box/memory.stat", "total_inactive_file 5\n")
    write(group / "memory.limit_in_bytes", 9223372036854771712)
    write(group / "memory.usage_in_bytes", GIB)

    assert available_bytes(root) == 0


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    """Other platforms have no such files."""
    assert available_bytes(tmp_path) is None


def test_this_machine_has_memory() -> None:
    """The real files are read."""
    assert (available_bytes() or 1) > 0


def test_in_all_there_is_what_the_machine_has(root: Path) -> None:
    """However much of it is taken now."""
    write(root / "proc/meminfo", f"MemTotal: {16 * GIB // 1024} kB\nMemAvailable: 5 kB\n")

    assert total_bytes(root) == 16 * GIB


def test_in_all_there_is_no_more_than_a_group_may_have(root: Path) -> None:
    """The tightest of them, whatever it uses."""
    write(root / "proc/meminfo", f"MemTotal: {16 * GIB // 1024} kB\n")
    write(root / "proc/self/cgroup", "0::/pod/box\n")
    write(root / "sys/fs/cgroup/pod/box/memory.max", 4 * GIB)
    write(root / "sys/fs/cgroup/pod/box/memory.current", 3 * GIB)
    write(root / "sys/fs/cgroup/pod/memory.max", 2 * GIB)

    assert total_bytes(root) == 2 * GIB
