"""Plaintext files in anonymous memory."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from outcrop.adapters.memory_files import MemoryFiles
from outcrop.errors import IntegrityError, StorageError
from outcrop.ports import WriteAt

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="memfd is Linux's"),
]

CONTENT = {"config.json": b"{}", "empty": b"", "weights/model.safetensors": bytes(range(256)) * 5000}
FILES = [(path, len(content)) for path, content in CONTENT.items()]
MIB = 1 << 20


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as Outcrop does."""
    return "asyncio"


async def fill(path: str, write: WriteAt) -> None:
    """Fills a file, from its end to its beginning."""
    half = len(CONTENT[path]) // 2
    write(half, CONTENT[path][half:])
    write(0, CONTENT[path][:half])


def memory(tmp_path: Path, **options: Any) -> MemoryFiles:
    """Memory files of this test."""
    return MemoryFiles(run_dir=tmp_path / "run", **options)


def descriptors() -> set[str]:
    """The descriptors that this process holds."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def read(folder: Path) -> dict[str, bytes]:
    """What a folder holds."""
    return {path: (folder / path).read_bytes() for path in CONTENT}


async def test_the_folder_holds_the_files(tmp_path: Path) -> None:
    """Every file is there under its path, whole."""
    async with memory(tmp_path).folder(FILES, fill) as folder:
        assert read(folder) == CONTENT


async def test_nothing_is_on_a_disk(tmp_path: Path) -> None:
    """The folder holds links into this process's own descriptors, and only its owner can list it."""
    async with memory(tmp_path).folder(FILES, fill) as folder:
        links = [folder / path for path in CONTENT]

        assert all(link.readlink().parent == Path(f"/proc/{os.getpid()}/fd") for link in links)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent == tmp_path / "run"


async def test_all_is_freed_at_the_end(tmp_path: Path) -> None:
    """No descriptor, no folder."""
    before = descriptors()
    async with memory(tmp_path).folder(FILES, fill) as folder:
        assert descriptors() > before

    assert descriptors() == before
    assert not folder.exists()


async def test_files_cannot_be_changed(tmp_path: Path) -> None:
    """Written once, a file is sealed: an engine cannot alter what another copy may read, nor cut it."""
    async with memory(tmp_path).folder(FILES, fill) as folder:
        weights = os.open(folder / "weights/model.safetensors", os.O_RDWR)
        with pytest.raises(PermissionError):
            os.pwrite(weights, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(weights, 0)
        os.close(weights)


async def test_files_are_filled_at_the_same_time(tmp_path: Path) -> None:
    """Each file waits here until all three are being filled."""
    barrier = asyncio.Barrier(len(FILES))

    async def together(path: str, write: WriteAt) -> None:
        await barrier.wait()
        await fill(path, write)

    async with memory(tmp_path).folder(FILES, together) as folder:
        assert read(folder) == CONTENT


async def test_a_failure_is_raised_as_it_is_and_frees_all(tmp_path: Path) -> None:
    """Bytes that fail authentication stop the load, with their own error."""
    before = descriptors()

    async def failing(path: str, write: WriteAt) -> None:
        await fill(path, write)
        if path == "empty":
            raise IntegrityError("not what was sealed")

    with pytest.raises(IntegrityError, match="not what was sealed"):
        async with memory(tmp_path).folder(FILES, failing):
            pytest.fail("the folder was given")

    assert descriptors() == before
    assert list((tmp_path / "run").iterdir()) == []


async def test_memory_is_looked_for_before_it_is_taken(tmp_path: Path) -> None:
    """The refusal holds both numbers; nothing was made."""
    small = memory(tmp_path, available=lambda: 5 * MIB)

    with pytest.raises(StorageError) as caught:
        async with small.folder([("a", 4 * MIB), ("b", 2 * MIB)], fill):
            pytest.fail("the folder was given")

    assert str(caught.value) == "the model takes 6 MiB of memory, and 5 MiB are available"
    assert list((tmp_path / "run").iterdir()) == []


async def test_memory_that_is_promised_to_a_load_is_not_promised_again(tmp_path: Path) -> None:
    """Two loads that begin together do not both count on the same memory."""
    small = memory(tmp_path, available=lambda: 5 * MIB)
    is_filling, may_end = asyncio.Event(), asyncio.Event()

    async def slowly(_: str, __: WriteAt) -> None:
        is_filling.set()
        await may_end.wait()

    async def load() -> None:
        async with small.folder([("a", 3 * MIB)], slowly):
            pass

    first = asyncio.create_task(load())
    await is_filling.wait()
    with pytest.raises(StorageError, match="takes 3 MiB of memory, and 2 MiB are available"):
        await load()
    may_end.set()
    await first

    await load()


async def test_where_memory_is_unknown_it_is_not_looked_for(tmp_path: Path) -> None:
    """A platform that does not say how much it has is trusted."""
    async with memory(tmp_path, available=lambda: None).folder(FILES, fill) as folder:
        assert read(folder) == CONTENT


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", ".", "a\0b"])
async def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    """Whatever a manifest says, files stay in their folder."""
    with pytest.raises(StorageError, match="leads out of it"):
        async with memory(tmp_path).folder([(path, 1)], fill):
            pytest.fail("the folder was given")


async def test_what_the_platform_refuses_is_a_storage_error(tmp_path: Path) -> None:
    """Out of descriptors, say."""

    def refuse(_: str, __: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(StorageError, match="cannot be made in memory: Too many open files"):
        async with memory(tmp_path, new_memory=refuse).folder(FILES, fill):
            pytest.fail("the folder was given")


# --- platforms without memory files ---


async def test_without_memory_files_plaintext_is_refused(tmp_path: Path) -> None:
    """Weights do not touch a disk unless the operator says where they may."""
    with pytest.raises(StorageError, match="--plaintext-dir"):
        async with memory(tmp_path, new_memory=None).folder(FILES, fill):
            pytest.fail("the folder was given")


async def test_without_memory_files_plaintext_lies_where_it_may(tmp_path: Path) -> None:
    """Real files, for their owner only, gone at the end."""
    plain = tmp_path / "plain"
    async with memory(tmp_path, new_memory=None, plaintext_dir=plain).folder(FILES, fill) as folder:
        assert folder.parent == plain
        assert read(folder) == CONTENT
        assert (folder / "config.json").stat().st_mode & 0o777 == 0o600

    assert list(plain.iterdir()) == []


async def test_a_disk_without_room_is_a_storage_error(tmp_path: Path) -> None:
    """Space is taken before the file is mapped: a full disk would otherwise end this process."""
    too_much = 1 << 60
    with pytest.raises(StorageError, match="cannot be made"):
        async with memory(tmp_path, new_memory=None, plaintext_dir=tmp_path).folder([("a", too_much)], fill):
            pytest.fail("the folder was given")
