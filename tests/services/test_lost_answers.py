"""Requests that a store carried out, and whose answers never came."""

import pytest

from outcrop.adapters.vault_s3 import S3Vault
from outcrop.errors import StorageError
from outcrop.records import Upload
from tests.contract.s3_vaults import own_server

pytestmark = pytest.mark.anyio


async def written(vault: S3Vault) -> tuple[Upload, str]:
    """An upload whose one part is there, and its receipt."""
    upload = await vault.begin("a", "files/f", size_bytes=4, part_bytes=4)
    with vault.part(upload, 0) as part:
        part.write(b"abcd")
        return upload, await part.finish()


async def test_a_file_that_was_completed_before_is_complete() -> None:
    """The connection broke before the answer, so it is completed again, and the store no longer knows the upload."""
    with own_server() as (_, reopen):
        vault = reopen()
        upload, receipt = await written(vault)

        await vault.finish(upload, [receipt])
        await vault.finish(upload, [receipt])

        assert await vault.size("a", "files/f") == 4


async def test_an_upload_that_somebody_gave_up_is_no_file() -> None:
    """Nothing is there then, and the import says so."""
    with own_server() as (server, reopen):
        vault = reopen()
        upload, receipt = await written(vault)
        server.uploads.clear()

        with pytest.raises(StorageError, match="NoSuchUpload"):
            await vault.finish(upload, [receipt])
