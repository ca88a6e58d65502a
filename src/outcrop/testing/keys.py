"""A key service in memory, whose keys can be disabled."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from outcrop.arn import Tenant
from outcrop.errors import KeyUnavailableError
from outcrop.records import DataKey

SERVICE_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
KEY_BYTES = 32


class FakeKeyService:
    """KeyService that wraps by masking: never for anything but tests."""

    def __init__(self) -> None:
        self._made = 0
        self.disabled: set[str] = set()
        self.known = {SERVICE_KEY}

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the key that an ARN or id means; None means the service's own key."""
        if key_id is None:
            return SERVICE_KEY
        found = next((arn for arn in self.known if key_id in (arn, arn.rpartition("/")[2])), None)
        if found is None or found.split(":")[4] != tenant.account:
            raise KeyUnavailableError(f"The key {key_id} does not exist.")
        return found

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a data key; each one differs."""
        self._require(key_arn)
        self._made += 1
        plaintext = hashlib.sha256(f"data key {self._made}".encode()).digest()
        mask = _mask(key_arn, context)
        tag = hmac.digest(mask, plaintext, "sha256")[:8]
        return DataKey(plaintext=plaintext, wrapped=_xor(plaintext, mask) + tag)

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under."""
        self._require(key_arn)
        mask = _mask(key_arn, context)
        plaintext = _xor(wrapped[:KEY_BYTES], mask)
        if hmac.digest(mask, plaintext, "sha256")[:8] != wrapped[KEY_BYTES:]:
            raise KeyUnavailableError(f"The key {key_arn} did not wrap this data key for this model.")
        return plaintext

    def _require(self, key_arn: str) -> None:
        if key_arn not in self.known or key_arn in self.disabled:
            raise KeyUnavailableError(f"The key {key_arn} cannot be used.")


def _mask(key_arn: str, context: Mapping[str, str]) -> bytes:
    return hashlib.sha256(f"{key_arn} {sorted(context.items())}".encode()).digest()


def _xor(data: bytes, mask: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(data, mask, strict=True))
