"""What every VaultStaging does: the fake, the local folder and S3."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.s3_vaults import own_server

from outcrop.adapters.vault_local import LocalVault
from outcrop.errors import IntegrityError
from outcrop.records import Upload
from outcrop.testing.vault import FakeVault

pytestmark = pytest.mark.anyio

ARTIFACT = "abcdefghijkl"
PATH = "files/model.safetensors"
PART = 5 << 20
"""The least that S3 takes for a part that is not the last."""
DATA = bytes(range(251)) * 50_000
Reopen = Callable[[], Any]
"""Opens the same vault, as a new process would."""


@pytest.fixture(params=["fake", "local", "s3"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """An empty vault."""
    if request.param == "fake":
        fake = FakeVault()
        yield lambda: fake
    elif request.param == "s3":
        with own_server() as (_, opened):
            yield opened
    else:
        yield lambda: LocalVault(tmp_path / "vault")


async def begun(vault: Any) -> Upload:
    """Begins the upload of all data."""
    upload: Upload = await vault.begin(ARTIFACT, PATH, size_bytes=len(DATA), part_bytes=PART)
    return upload


async def write(vault: Any, upload: Upload, number: int, data: bytes = DATA) -> str:
    """Writes a part in two writes."""
    mine = data[number * PART : (number + 1) * PART]
    with vault.part(upload, number) as writer:
        writer.write(memoryview(mine)[:1000])
        writer.write(memoryview(mine)[1000:])
        receipt: str = await writer.finish()
    return receipt


async def test_parts_in_any_order_make_the_file(reopen: Reopen) -> None:
    """The file has its name only once it is finished."""
    vault = reopen()
    upload = await begun(vault)
    receipts = {number: await write(vault, upload, number) for number in (2, 0, 1)}
    with pytest.raises(IntegrityError):
        await vault.size(ARTIFACT, PATH)

    await vault.finish(upload, [receipts[number] for number in range(3)])

    assert bytes(await reopen().read(ARTIFACT, PATH, 0, len(DATA))) == DATA
    assert not await reopen().is_open(upload)


async def test_parts_survive_the_process_that_wrote_them(reopen: Reopen) -> None:
    """Another process adds what is missing, and may write a part again."""
    vault = reopen()
    upload = await begun(vault)
    receipts = [await write(vault, upload, 0), await write(vault, upload, 1, data=bytes(len(DATA)))]
    await vault.sync(upload)

    vault = reopen()
    assert await vault.is_open(upload)
    receipts[1] = await write(vault, upload, 1)
    receipts.append(await write(vault, upload, 2))
    await vault.finish(upload, receipts)

    assert bytes(await vault.read(ARTIFACT, PATH, 0, len(DATA))) == DATA


async def test_an_upload_can_be_given_up_for_another(reopen: Reopen) -> None:
    """Beginning anew leaves the earlier one alone, which may be another worker's; giving it up takes only that."""
    vault = reopen()
    first = await begun(vault)
    await write(vault, first, 0)

    second = await begun(vault)
    assert await reopen().is_open(first)
    await vault.give_up(first)
    await vault.give_up(first)

    assert not await vault.is_open(first)
    assert await vault.is_open(second)


async def test_beginning_a_file_leaves_those_alone_whose_names_begin_alike(reopen: Reopen) -> None:
    """`model.safetensors` and `model.safetensors.index.json` are copied at the same time."""
    vault = reopen()
    longer = await vault.begin(ARTIFACT, f"{PATH}.index.json", size_bytes=1, part_bytes=PART)

    await begun(vault)

    assert await vault.is_open(longer)


async def test_deleting_an_artifact_gives_up_its_uploads(reopen: Reopen) -> None:
    """A failed import leaves nothing, whatever was under way."""
    vault = reopen()
    upload = await begun(vault)
    await write(vault, upload, 0)
    assert await reopen().artifact_ids() == [ARTIFACT]

    await vault.delete(ARTIFACT)

    assert not await vault.is_open(upload)
    assert await vault.artifact_ids() == []


async def test_publishing_gives_up_what_nobody_finished(reopen: Reopen) -> None:
    """A published artifact holds its files and nothing else."""
    vault = reopen()
    upload = await begun(vault)
    await write(vault, upload, 0)
    async with vault.create(ARTIFACT, "manifest", 1) as file:
        await file.write(0, b"m")

    await vault.publish(ARTIFACT)

    assert not await vault.is_open(upload)
    assert bytes(await vault.read(ARTIFACT, "manifest", 0, 1)) == b"m"
    await vault.delete(ARTIFACT)
    assert await vault.artifact_ids() == []
