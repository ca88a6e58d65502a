"""Parts written past the page cache: whatever the sizes, the memory and the file system, the bytes are right."""

import errno
import mmap
import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.adapters.local_part import BLOCK_BYTES, LocalPart, whole_blocks
from outcrop.adapters.vault_local import LocalVault
from outcrop.errors import IntegrityError, StorageError
from outcrop.records import Upload

pytestmark = pytest.mark.anyio

MIB = 1 << 20
ARTIFACT, PATH = "abcdefghijkl", "files/model.safetensors"
SIZES = (0, 1, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 2 * MIB + 12345)
DATA = random.Random(1).randbytes(max(SIZES))


@pytest.fixture(params=["folder", "tmpfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder wherever temporary files are, and one on a file system without a disk."""
    if request.param == "folder":
        yield tmp_path
        return
    shared = Path("/dev/shm")
    if not shared.is_dir():
        pytest.skip("there is no /dev/shm here")
    made = shared / f"outcrop-test-{os.getpid()}-{tmp_path.name}"
    made.mkdir()
    yield made
    for folder, _, names in os.walk(made, topdown=False):
        for name in names:
            Path(folder, name).unlink()
        Path(folder).rmdir()


def aligned(data: bytes) -> memoryview:
    """Memory that begins with a page, as the copy's does."""
    room = memoryview(mmap.mmap(-1, max(len(data), 1)))[: len(data)]
    room[:] = data
    return room


def shifted(data: bytes) -> memoryview:
    """Memory that begins one byte after a page, which O_DIRECT refuses."""
    room = memoryview(mmap.mmap(-1, len(data) + 1))[1:]
    room[:] = data
    return room


def pieces(data: bytes, each: int) -> list[bytes]:
    """Cuts data."""
    return [data[begin : begin + each] for begin in range(0, len(data), each)]


async def begun(vault: LocalVault, size_bytes: int, part_bytes: int = MIB) -> Upload:
    """Begins an upload."""
    return await vault.begin(ARTIFACT, PATH, size_bytes=size_bytes, part_bytes=part_bytes)


async def stored(vault: LocalVault, size_bytes: int) -> bytes:
    """What the vault holds."""
    assert await vault.size(ARTIFACT, PATH) == size_bytes
    return bytes(await vault.read(ARTIFACT, PATH, 0, size_bytes))


@given(offset=st.integers(0, 1 << 40), size_bytes=st.integers(0, 4 * MIB))
def test_whole_blocks_are_all_that_lie_within(offset: int, size_bytes: int) -> None:
    """Aligned at both ends; what is left at either end is less than a block."""
    begin, end = whole_blocks(offset, size_bytes)

    assert 0 <= begin <= end <= size_bytes
    if end == 0:
        assert size_bytes < 2 * BLOCK_BYTES
    else:
        assert (offset + begin) % BLOCK_BYTES == 0
        assert (end - begin) % BLOCK_BYTES == 0
        assert begin < BLOCK_BYTES
        assert size_bytes - end < BLOCK_BYTES


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("memory", [aligned, shifted])
async def test_every_size_is_stored_as_it_was_written(
    place: Path, size_bytes: int, memory: Callable[[bytes], memoryview]
) -> None:
    """Parts of a MiB each, the last of any size, from memory that O_DIRECT takes and from memory that it does not."""
    vault, data = LocalVault(place / "vault"), DATA[:size_bytes]
    upload = await begun(vault, size_bytes)
    for number, piece in enumerate(pieces(data, MIB)):
        with vault.part(upload, number) as writer:
            writer.write(memory(piece))
            assert await writer.finish() == ""

    await vault.finish(upload, [""] * upload.part_count)

    assert await stored(vault, size_bytes) == data


@pytest.mark.parametrize("each", [1000, 4095, 4096, 4097, 65536 + 40])
async def test_a_part_may_be_written_in_pieces_of_any_size(place: Path, each: int) -> None:
    """What lies between two whole blocks goes through the cache, and both ways make one file."""
    vault, data = LocalVault(place / "vault"), DATA[: MIB + 1]
    upload = await begun(vault, len(data), part_bytes=len(data))
    with vault.part(upload, 0) as writer:
        for piece in pieces(data, each):
            writer.write(aligned(piece))

    await vault.finish(upload, [""])

    assert await stored(vault, len(data)) == data


@pytest.mark.parametrize(("size_bytes", "part_bytes"), [(32 * MIB - 1, MIB), (32 * MIB, 4 * MIB), (33 * MIB, 4 * MIB)])
async def test_large_files_have_larger_parts(tmp_path: Path, size_bytes: int, part_bytes: int) -> None:
    """Four times as large, where eight are left."""
    upload = await begun(LocalVault(tmp_path / "vault"), size_bytes)

    assert upload.part_bytes == part_bytes


async def test_parts_of_a_file_are_written_at_the_same_time(place: Path) -> None:
    """Eight threads, some of them with memory that goes through the cache; one part is written twice."""
    vault, data = LocalVault(place / "vault"), DATA[: 2 * MIB + 12345]
    upload = await begun(vault, len(data), part_bytes=16 << 10)
    part_bytes = upload.part_bytes
    together = threading.Barrier(8)

    def write(first: int) -> None:
        together.wait(60)
        for number in [*range(first, upload.part_count, 8), first]:
            with vault.part(upload, number) as writer:
                memory = aligned if number % 3 else shifted
                writer.write(memory(data[number * part_bytes : (number + 1) * part_bytes]))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    await vault.finish(upload, [""] * upload.part_count)

    assert await stored(vault, len(data)) == data


def patched_open(monkeypatch: pytest.MonkeyPatch, *, refuse: bool) -> set[int]:
    """Watches which descriptors go past the cache, or refuses them, as a file system without O_DIRECT does."""
    opened: set[int] = set()
    real = os.open

    def open_file(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_DIRECT == os.O_DIRECT and refuse:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        descriptor = real(path, flags, *args, **kwargs)
        if flags & os.O_DIRECT == os.O_DIRECT:
            opened.add(descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", open_file)
    return opened


def write_part(path: Path, data: bytes, memory: Callable[[bytes], memoryview] = aligned) -> None:
    """Writes a file of one part, past the cache if that can be."""
    path.touch()
    part = LocalPart(path, 0, turn=threading.Lock(), past_cache=True)
    try:
        part.write(memory(data))
    finally:
        part.close()


def test_only_what_is_no_whole_block_goes_through_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MiB and a bit: the MiB past the cache at once, the bit through it."""
    direct, calls, pwrite = patched_open(monkeypatch, refuse=False), [], os.pwrite

    def watched(descriptor: int, data: Any, offset: int) -> int:
        calls.append((descriptor in direct, offset, len(data)))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", watched)
    write_part(tmp_path / "f", DATA[: MIB + 17])

    if not direct:
        pytest.skip("temporary files are on a file system without O_DIRECT here")
    assert calls == [(True, 0, MIB), (False, MIB, 17)]
    assert (tmp_path / "f").read_bytes() == DATA[: MIB + 17]


def test_a_file_system_without_direct_writes_gets_ordinary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O_DIRECT is refused when the file is opened."""
    direct = patched_open(monkeypatch, refuse=True)

    write_part(tmp_path / "f", DATA)

    assert not direct
    assert (tmp_path / "f").read_bytes() == DATA


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_device_that_refuses_a_direct_write_gets_an_ordinary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Blocks larger than ours, or memory that begins elsewhere than it should."""
    direct, pwrite = patched_open(monkeypatch, refuse=False), os.pwrite

    def refusing(descriptor: int, data: Any, offset: int) -> int:
        if descriptor in direct:
            raise OSError(number, os.strerror(number))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", refusing)
    write_part(tmp_path / "f", DATA)

    assert (tmp_path / "f").read_bytes() == DATA


@pytest.mark.parametrize("taken", [BLOCK_BYTES, BLOCK_BYTES + 512])
def test_a_write_that_is_cut_short_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    """Past the cache from the next block, or through it where the kernel stopped within one."""
    direct, pwrite = patched_open(monkeypatch, refuse=False), os.pwrite

    def short(descriptor: int, data: Any, offset: int) -> int:
        if descriptor in direct and taken % BLOCK_BYTES:
            through = os.open(tmp_path / "f", os.O_WRONLY)
            try:
                return pwrite(through, bytes(data[:taken]), offset)
            finally:
                os.close(through)
        return pwrite(descriptor, data[:taken], offset)

    monkeypatch.setattr(os, "pwrite", short)
    write_part(tmp_path / "f", DATA[: 8 * BLOCK_BYTES + 5])

    assert (tmp_path / "f").read_bytes() == DATA[: 8 * BLOCK_BYTES + 5]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_disk_that_fails_in_the_middle_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The part is not finished, the file has no name, and deleting the artifact leaves nothing."""
    vault, pwrite, left = LocalVault(tmp_path / "vault"), os.pwrite, [2]

    def failing(descriptor: int, data: Any, offset: int) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return pwrite(descriptor, data, offset)

    upload = await begun(vault, 4 * MIB, part_bytes=4 * MIB)
    monkeypatch.setattr(os, "pwrite", failing)
    with pytest.raises(StorageError, match=os.strerror(number)), vault.part(upload, 0) as writer:
        for piece in pieces(bytes(4 * MIB), MIB):
            writer.write(aligned(piece))

    with pytest.raises(IntegrityError):
        await vault.size(ARTIFACT, PATH)
    await vault.delete(ARTIFACT)
    assert await vault.artifact_ids() == []


async def test_a_file_is_synced_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that went past the cache may still be in the disk's: the sync of the file is what makes them stay."""
    vault, calls = LocalVault(tmp_path / "vault"), []
    upload = await begun(vault, MIB)
    with vault.part(upload, 0) as writer:
        writer.write(aligned(DATA[:MIB]))

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *args: Any) -> Any:
            path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else target
            calls.append((name, "upload" if path.name == upload.id else path.name))
            return real(target, *args)

        return call

    for module, name in ((os, "fdatasync"), (os, "fsync"), (Path, "replace")):
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    await vault.sync(upload)
    await vault.finish(upload, [""])

    assert calls == [
        ("fdatasync", "upload"),
        ("fdatasync", "upload"),
        ("replace", "upload"),
        ("fsync", "files"),
        ("fsync", ARTIFACT),
    ]
