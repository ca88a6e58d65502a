"""The vault behind a setting: a folder, or a prefix of a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from outcrop.adapters.vault_local import LocalVault
from outcrop.ports import LocalReads, Vault, VaultStaging
from outcrop.records import SourceLocation


class StagingVault(Vault, VaultStaging, Protocol):
    """Every vault is both: where artifacts are kept, and how they come there."""


def open_vault(place: Path | str, environment: Mapping[str, str]) -> StagingVault:
    """Opens the vault at a folder or an `s3://` address; the latter as the AWS variables say.

    Raises:
        StorageError: the folder cannot be made.
    """
    if isinstance(place, Path):
        return LocalVault(place)
    # boto3 takes 0.2 s to import, which a server on folders need not pay.
    import boto3  # noqa: PLC0415

    from outcrop.adapters.vault_s3 import S3Vault  # noqa: PLC0415

    location = SourceLocation.parse(place)
    return S3Vault(boto3.Session(), environment, bucket=location.bucket, prefix=location.prefix)


def local_reads(vault: Vault) -> LocalReads | None:
    """Returns the vault as one whose files threads read by themselves, if it is a folder."""
    return vault if isinstance(vault, LocalVault) else None
