"""What every Vault does: the fake, the local folder and S3; on a real S3 server in tests/services/test_s3.py."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.s3_vaults import own_server

from outcrop.adapters.vault_local import LocalVault
from outcrop.app.vaults import local_reads
from outcrop.errors import IntegrityError, StorageError
from outcrop.ports import Vault
from outcrop.testing.vault import FakeVault

pytestmark = pytest.mark.anyio

ARTIFACT = "abcdefghijkl"


@pytest.fixture(params=["fake", "local", "s3"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Vault]]:
    """Opens the same vault, as a new process would."""
    if request.param == "fake":
        fake = FakeVault()
        yield lambda: fake
    elif request.param == "s3":
        with own_server() as (_, opened):
            yield opened
    else:
        yield lambda: LocalVault(tmp_path / "vault")


async def put(vault: Vault, path: str, data: bytes, artifact_id: str = ARTIFACT) -> None:
    """Stages a file."""
    async with vault.create(artifact_id, path, len(data)) as file:
        await file.write(0, data)


async def test_what_was_written_is_read(reopen: Callable[[], Vault]) -> None:
    """Writes may come in any order; reads may ask for any range."""
    async with reopen().create(ARTIFACT, "files/model.safetensors", 6) as file:
        await file.write(3, b"def")
        await file.write(0, b"abc")

    vault = reopen()

    assert bytes(await vault.read(ARTIFACT, "files/model.safetensors", 0, 6)) == b"abcdef"
    assert bytes(await vault.read(ARTIFACT, "files/model.safetensors", 2, 4)) == b"cd"
    assert await vault.size(ARTIFACT, "files/model.safetensors") == 6


@pytest.mark.parametrize("kind", ["fake", "local"])
async def test_threads_read_into_memory_of_their_own(kind: str, tmp_path: Path) -> None:
    """Where files are of this machine: any range, staged or published, and less than was asked for is an error."""
    vault = FakeVault() if kind == "fake" else LocalVault(tmp_path / "vault")
    assert (local_reads(vault) is vault) is (kind == "local")
    await put(vault, "files/a", b"abcdef")
    await vault.publish(ARTIFACT)
    reader = vault.reader(ARTIFACT, "files/a")
    target = memoryview(bytearray(3))

    reader.read_into(2, target)

    assert bytes(target) == b"cde"
    with pytest.raises(IntegrityError):
        reader.read_into(4, target)
    reader.close()
    with pytest.raises(IntegrityError):
        vault.reader(ARTIFACT, "files/none")


async def test_a_published_artifact_reads_like_a_staged_one(reopen: Callable[[], Vault]) -> None:
    """Publishing moves nothing for the reader, and may be done twice."""
    vault = reopen()
    await put(vault, "files/a", b"a")

    await vault.publish(ARTIFACT)
    await vault.publish(ARTIFACT)

    assert bytes(await reopen().read(ARTIFACT, "files/a", 0, 1)) == b"a"
    assert await reopen().artifact_ids() == [ARTIFACT]


async def test_publishing_nothing_is_an_error(reopen: Callable[[], Vault]) -> None:
    """An artifact that was never staged cannot become permanent."""
    with pytest.raises(IntegrityError):
        await reopen().publish(ARTIFACT)


async def test_a_file_that_failed_is_not_there(reopen: Callable[[], Vault]) -> None:
    """Only a file whose context ended without error takes its name."""
    vault = reopen()

    with pytest.raises(RuntimeError, match="killed"):
        async with vault.create(ARTIFACT, "files/a", 3) as file:
            await file.write(0, b"abc")
            raise RuntimeError("killed")

    with pytest.raises(IntegrityError):
        await vault.read(ARTIFACT, "files/a", 0, 3)


async def test_a_file_may_be_written_anew(reopen: Callable[[], Vault]) -> None:
    """A step that runs twice writes its file twice; the later one counts."""
    vault = reopen()
    await put(vault, "files/a", b"first")

    await put(vault, "files/a", b"again!")

    assert bytes(await vault.read(ARTIFACT, "files/a", 0, 6)) == b"again!"


async def test_reading_past_the_end_is_noticed(reopen: Callable[[], Vault]) -> None:
    """A file that is shorter than it was sealed is not silently short."""
    vault = reopen()
    await put(vault, "files/a", b"abc")

    with pytest.raises(IntegrityError):
        await vault.read(ARTIFACT, "files/a", 0, 4)


@pytest.mark.parametrize("is_published", [False, True])
async def test_deleting_leaves_nothing(reopen: Callable[[], Vault], *, is_published: bool) -> None:
    """Deleting takes an artifact whole, staged or published, and may be done twice."""
    vault = reopen()
    await put(vault, "files/a", b"a")
    await put(vault, "files/b", b"b", artifact_id="otherartifac")
    if is_published:
        await vault.publish(ARTIFACT)

    await vault.delete(ARTIFACT)
    await vault.delete(ARTIFACT)

    assert await vault.artifact_ids() == ["otherartifac"]
    with pytest.raises(IntegrityError):
        await vault.read(ARTIFACT, "files/a", 0, 1)


async def test_an_empty_file_is_a_file(reopen: Callable[[], Vault]) -> None:
    """Size zero is a size like another."""
    vault = reopen()
    await put(vault, "files/empty", b"")

    assert await vault.size(ARTIFACT, "files/empty") == 0


async def test_a_local_vault_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """What the file system refuses is a StorageError, not an OSError."""
    (tmp_path / "vault").write_text("a file where the folder should be")

    with pytest.raises(StorageError):
        LocalVault(tmp_path / "vault")


async def test_a_local_vault_leaves_no_temporary_files(tmp_path: Path) -> None:
    """Neither success nor failure leaves a file under a temporary name."""
    vault = LocalVault(tmp_path)
    await put(vault, "files/a", b"a")
    with pytest.raises(RuntimeError):
        async with vault.create(ARTIFACT, "files/b", 1):
            raise RuntimeError

    assert [name for _, _, names in os.walk(tmp_path) for name in names] == ["a"]
