"""KeyService on a keyring file: made on first start, readable by its owner only.

The keyring holds 256-bit keys. What it wraps is AES-256-GCM under one of them, with the encryption context as
associated data, so that a wrapped key opens only in the name of the model that it was made for.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.adapters.secret_file import create_once, read_private
from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError, SettingError
from outcrop.records import DataKey

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT_VERSION = 1


class LocalKeyring:
    """Keys in a file under the data folder."""

    def __init__(self, path: Path, *, account: str, region: str) -> None:
        create_once(path, _new_keyring(f"arn:aws:kms:{region}:{account}:key/{uuid.uuid4()}"))
        document: dict[str, Any] = json.loads(read_private(path))
        if document.get("format") != FORMAT_VERSION:
            raise SettingError("--data", f"{path} is not a keyring of format {FORMAT_VERSION}")
        self._service_key = str(document["service_key"])
        entries: dict[str, dict[str, str]] = document["keys"]
        self._keys = {arn: base64.b64decode(entry["material"]) for arn, entry in entries.items()}

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the key that an ARN or id means; None means the service's own key."""
        if key_id is None:
            return self._service_key
        found = next((arn for arn in self._keys if key_id in (arn, arn.rpartition("/")[2])), None)
        if found is None or found.split(":")[4] != tenant.account:
            raise KeyUnavailableError(f"The key {key_id} does not exist.")
        return found

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a 256-bit data key, wrapped by the key under an encryption context."""
        plaintext, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
        wrapped = nonce + AESGCM(self._material(key_arn)).encrypt(nonce, plaintext, _encode(context))
        return DataKey(plaintext=plaintext, wrapped=wrapped)

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under."""
        aead = AESGCM(self._material(key_arn))
        try:
            return aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _encode(context))
        except InvalidTag:
            raise KeyUnavailableError(f"The key {key_arn} did not wrap this data key for this model.") from None

    def _material(self, key_arn: str) -> bytes:
        material = self._keys.get(key_arn)
        if material is None:
            raise KeyUnavailableError(f"The key {key_arn} does not exist.")
        return material


def _new_keyring(service_key: str) -> str:
    return json.dumps(
        {
            "format": FORMAT_VERSION,
            "service_key": service_key,
            "keys": {service_key: {"material": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}},
        },
        indent=2,
    )


def _encode(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
