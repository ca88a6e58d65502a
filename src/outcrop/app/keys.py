"""Opens the keys: for the server as its KeyService, for `outcrop keys` as the keyring that it manages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from outcrop.adapters.catalog_sql import SqlArtifactCatalog
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.keys_local import LocalKeyring
from outcrop.adapters.keys_logged import LoggedKeys
from outcrop.app.catalog import open_catalog
from outcrop.app.trail import Trail, open_trail
from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError, SettingError, UnavailableError
from outcrop.imports.key_copies import rewrap
from outcrop.ports import ArtifactCatalog, Clock, KeyService
from outcrop.settings import Settings

if TYPE_CHECKING:
    from outcrop.adapters.outbound import Outbound

log = structlog.get_logger()


async def open_keys(settings: Settings, clock: Clock, trail: Trail | None) -> KeyService:
    """Returns the server's KeyService, every use of which is told: in the log, and to the trail.

    Raises:
        SettingError: the keyring, or the key that the settings name, cannot be used.
    """
    own = Tenant(account=settings.account, region=settings.region)
    if settings.keys == "local":
        return LoggedKeys(_local(settings, clock), trail=trail, clock=clock)

    # boto3 takes 0.2 s to import, which those who have a keyring need not pay.
    from outcrop.adapters.outbound import DEFAULT  # noqa: PLC0415

    keys = kms_keys(settings, clock, trail, DEFAULT)
    try:
        await keys.resolve(None, own)
    except KeyUnavailableError as error:
        raise SettingError("--kms-key", str(error)) from error
    except UnavailableError as error:
        # Jobs wait for a KMS that is away, and so does everything else that needs it.
        log.warning("kms_away", reason=str(error))
    return keys


def kms_keys(settings: Settings, clock: Clock, trail: Trail | None, outbound: Outbound) -> KeyService:
    """Returns the keys of KMS as a way out reaches them, every use of which is told. For `--keys kms`."""
    import boto3  # noqa: PLC0415  # as above

    from outcrop.adapters.keys_kms import KmsKeys  # noqa: PLC0415  # as above

    own = Tenant(account=settings.account, region=settings.region)
    keys = KmsKeys(boto3.Session(), service_key=settings.kms_key, own=own, outbound=outbound)
    return LoggedKeys(keys, trail=trail, clock=clock)


def open_keyring(settings: Settings, *, is_made: bool = False) -> LocalKeyring:
    """Returns the local keyring, to be managed beside a running server; made now if it is not there and `is_made`.

    Raises:
        SettingError: there is none, or it cannot be used.
    """
    if settings.keys != "local":
        raise SettingError("--keys", "the keys are in AWS KMS, and are managed there: `aws kms help`")
    if not is_made and not settings.keyring_file.exists():
        raise SettingError("--data", f"{settings.data} holds no keyring yet: `outcrop keys create` makes one")
    return _local(settings, SystemClock())


def _local(settings: Settings, clock: Clock) -> LocalKeyring:
    return LocalKeyring(settings.keyring_file, account=settings.account, region=settings.region, clock=clock)


async def rewrap_models(settings: Settings, keyring: LocalKeyring, key_arn: str) -> int:
    """Wraps every model's copy under a key by the key's newest material, beside a running server; returns how many.

    Raises:
        KeyUnavailableError: the key is disabled.
        UnavailableError: the catalog cannot be reached.
    """
    with (
        _artifacts(settings) as artifacts,
        open_trail(settings) as trail,
        structlog.contextvars.bound_contextvars(command="outcrop keys rotate"),
    ):
        keys = LoggedKeys(keyring, trail=trail, clock=SystemClock())
        return await rewrap(artifacts, keys, key_arn, random_bytes=secrets.token_bytes)


async def copies_of(settings: Settings, key_arns: Sequence[str]) -> dict[str, int]:
    """Returns how many models, and imports under way, each key has wrapped a copy for. Raises UnavailableError."""
    with _artifacts(settings) as artifacts:
        return {arn: len(await artifacts.copies(arn)) for arn in key_arns}


@contextmanager
def _artifacts(settings: Settings) -> Iterator[ArtifactCatalog]:
    with open_catalog(settings) as database:
        yield SqlArtifactCatalog(database)
