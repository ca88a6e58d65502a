"""KeyService on a keyring file: made on first start, readable by its owner only, shared with `outcrop keys`.

What the keyring wraps is AES-256-GCM under a material of one of its keys, with the encryption context as associated
data, so that a wrapped key opens only in the name of the model that it was made for:

    4 bytes version of the material, big endian, from 1 ‖ 12 bytes nonce ‖ AES-256-GCM(data key), 48 bytes

The file is replaced whole by whoever changes it, one at a time, and read again by whoever sees that it changed.
"""

from __future__ import annotations

import json
import os
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.adapters.keyring import Key, Keyring, decode, encode
from outcrop.adapters.secret_file import changing, create_once, read_private
from outcrop.arn import Tenant, partition
from outcrop.errors import KeyUnavailableError, SettingError
from outcrop.ports import Clock
from outcrop.records import DataKey

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION_BYTES = 4
UNVERSIONED_BYTES = NONCE_BYTES + KEY_BYTES + 16
"""Length of what keyrings of format 1 wrapped: without a version, which is the first."""


class LocalKeyring:
    """Keys in a file under the data folder, and how they are managed."""

    def __init__(self, path: Path, *, account: str, region: str, clock: Clock) -> None:
        self._path = path
        self._own = Tenant(account=account, region=region)
        self._clock = clock
        arn = self._new_arn()
        create_once(path, encode(Keyring(service_key=arn, keys={arn: self._new_key()})))
        self._seen: tuple[int, ...] = ()
        self._keyring = self.read()

    # --- the port ---

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the enabled key that an ARN, id or alias means; None means the service's own key."""
        keyring = self.read()
        arn = keyring.service_key if key_id is None else keyring.find(key_id, tenant)
        keyring.usable(arn)
        return arn

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a 256-bit data key, wrapped by the key's newest material under an encryption context."""
        versions = self.read().usable(key_arn).versions
        plaintext, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(versions[-1]).encrypt(nonce, plaintext, _encode(context))
        return DataKey(plaintext=plaintext, wrapped=len(versions).to_bytes(VERSION_BYTES, "big") + nonce + sealed)

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under."""
        versions = self.read().usable(key_arn).versions
        if len(wrapped) == UNVERSIONED_BYTES:
            wrapped = (1).to_bytes(VERSION_BYTES, "big") + wrapped
        material = dict(enumerate(versions, start=1)).get(int.from_bytes(wrapped[:VERSION_BYTES], "big"), b"")
        nonce, sealed = wrapped[VERSION_BYTES:][:NONCE_BYTES], wrapped[VERSION_BYTES + NONCE_BYTES :]
        try:
            return AESGCM(material).decrypt(nonce, sealed, _encode(context))
        except (InvalidTag, ValueError):
            raise KeyUnavailableError(f"The key {key_arn} did not wrap this data key for this model.") from None

    # --- what `outcrop keys` does ---

    def create(self, alias: str | None = None) -> str:
        """Makes a key of the server's account and region, and returns its ARN."""
        arn = self._new_arn()
        self._change(lambda keyring: _aliased(keyring.with_key(arn, self._new_key()), alias, arn, self._own))
        return arn

    def rotate(self, key_id: str) -> str:
        """Gives a key new material, and returns its ARN; what the old material wrapped goes on to open."""

        def add(keyring: Keyring, arn: str) -> Keyring:
            key = keyring.keys[arn]
            return keyring.with_key(arn, replace(key, versions=(*key.versions, secrets.token_bytes(KEY_BYTES))))

        return self._change_key(key_id, add)

    def enable(self, key_id: str, *, is_enabled: bool) -> str:
        """Lets a key be used, or not, and returns its ARN."""
        return self._change_key(
            key_id, lambda keyring, arn: keyring.with_key(arn, replace(keyring.keys[arn], is_enabled=is_enabled))
        )

    def alias(self, name: str, key_id: str) -> str:
        """Gives a key a name, which another key may have had before, and returns the key's ARN."""
        return self._change_key(key_id, lambda keyring, arn: keyring.with_alias(name, arn, self._own))

    def read(self) -> Keyring:
        """Returns what the file holds now.

        Raises:
            SettingError: others may read the file, or it is not a keyring of ours.
            KeyUnavailableError: the file is gone.
        """
        try:
            seen = _signature(self._path)
            if seen != self._seen:
                # A file that is replaced between the two is read again at the next use: the older signature stays.
                self._keyring, self._seen = decode(read_private(self._path)), seen
        except OSError as error:
            raise KeyUnavailableError(f"The keyring cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise SettingError("--data", f"{self._path}: {error}") from error
        return self._keyring

    # --- how the file changes ---

    def _change_key(self, key_id: str, change: Callable[[Keyring, str], Keyring]) -> str:
        found: list[str] = []

        def apply(keyring: Keyring) -> Keyring:
            found.append(key_id if key_id in keyring.keys else keyring.find(key_id, self._own))
            return change(keyring, found[0])

        self._change(apply)
        return found[0]

    def _change(self, change: Callable[[Keyring], Keyring]) -> None:
        with changing(self._path) as write:
            write(encode(change(self.read())))

    def _new_arn(self) -> str:
        return f"{partition(self._own.region)}:kms:{self._own.region}:{self._own.account}:key/{uuid.uuid4()}"

    def _new_key(self) -> Key:
        return Key(
            created_at=self._clock.now().isoformat(timespec="seconds"), versions=(secrets.token_bytes(KEY_BYTES),)
        )


def _aliased(keyring: Keyring, alias: str | None, arn: str, tenant: Tenant) -> Keyring:
    return keyring if alias is None else keyring.with_alias(alias, arn, tenant)


def _signature(path: Path) -> tuple[int, ...]:
    """What changes when the file is replaced or written to."""
    status = os.stat(path)  # noqa: PTH116  # one call, at every use of a key
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_mode)


def _encode(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
