"""Wrapped copies of data keys: opened in the name of one model, made in the name of another, made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from outcrop.artifact import keywrap
from outcrop.ports import ArtifactCatalog, KeyService
from outcrop.records import KeyCopy


async def open_copy(keys: KeyService, copy: KeyCopy) -> bytes:
    """Returns the artifact's data key.

    Raises:
        KeyUnavailableError: the key service does not give the key.
        IntegrityError: the copy is not one of this artifact's key.
        UnavailableError: the key service is away.
    """
    wrapping_key = await keys.unwrap(
        copy.key_arn, keywrap.wrapped_wrapping_key(copy.wrapped_key), keywrap.encryption_context(copy.model_arn)
    )
    return keywrap.unwrap(wrapped=copy.wrapped_key, wrapping_key=wrapping_key, artifact_id=copy.artifact_id)


async def copy_for(
    keys: KeyService, copy: KeyCopy, data_key: bytes, *, model_arn: str, random_bytes: Callable[[int], bytes]
) -> KeyCopy:
    """Returns a copy of an opened data key that opens in the name of a model, by the key's present material.

    Raises:
        KeyUnavailableError, UnavailableError: as `open_copy`.
    """
    made = await keys.generate_data_key(copy.key_arn, keywrap.encryption_context(model_arn))
    wrapped = keywrap.wrap(
        data_key=data_key,
        wrapping_key=made.plaintext,
        wrapped_wrapping_key=made.wrapped,
        artifact_id=copy.artifact_id,
        nonce=random_bytes(keywrap.NONCE_BYTES),
    )
    return replace(copy, model_arn=model_arn, wrapped_key=wrapped)


async def rewrap(
    artifacts: ArtifactCatalog, keys: KeyService, key_arn: str, *, random_bytes: Callable[[int], bytes]
) -> int:
    """Wraps every copy under a key by the key's present material; returns how many. Weights are not touched.

    Copies that are made, or go, meanwhile are left alone: the former have the present material.

    Raises:
        KeyUnavailableError, IntegrityError, UnavailableError: as `open_copy`; what was done so far stays done.
    """
    done = 0
    for copy in await artifacts.copies(key_arn):
        data_key = await open_copy(keys, copy)
        fresh = await copy_for(keys, copy, data_key, model_arn=copy.model_arn, random_bytes=random_bytes)
        done += await artifacts.rewrap(copy, fresh.wrapped_key)
    return done
