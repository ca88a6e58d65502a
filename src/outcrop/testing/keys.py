"""A key service in memory, whose keys can be made, named, disabled and refused."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping

from outcrop.arn import Tenant, partition
from outcrop.errors import KeyDeniedError, KeyUnavailableError, OutcropError
from outcrop.key_ids import full_arn, is_of
from outcrop.records import DataKey

SERVICE_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
KEY_BYTES = 32


class FakeKeyService:
    """KeyService that wraps by masking: never for anything but tests."""

    def __init__(self) -> None:
        self._made = 0
        self.disabled: set[str] = set()
        self.denied: set[str] = set()
        """Keys whose policy lets nobody use them, though they can be described."""
        self.known = {SERVICE_KEY}
        self.aliases: dict[str, str] = {}
        self.failures: list[OutcropError] = []
        """Raised by the next uses, one each."""

    def make_key(self, tenant: Tenant) -> str:
        """Makes a key and returns its ARN."""
        self._made += 1
        arn = f"{partition(tenant.region)}:kms:{tenant.region}:{tenant.account}:key/{uuid.UUID(int=self._made)}"
        self.known.add(arn)
        return arn

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the enabled key that an ARN, id or alias means; None means the service's own key."""
        named = SERVICE_KEY if key_id is None else full_arn(key_id, tenant)
        arn = self.aliases.get(named, named)
        if arn not in self.known or (key_id is not None and not is_of(arn, tenant)):
            raise KeyUnavailableError(f"The key {key_id} does not exist.")
        if arn in self.disabled:
            raise KeyUnavailableError(f"The key {arn} is disabled.")
        return arn

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
        plaintext = _xor(wrapped[:KEY_BYTES].ljust(KEY_BYTES), mask)
        if hmac.digest(mask, plaintext, "sha256")[:8] != wrapped[KEY_BYTES:]:
            raise KeyUnavailableError(f"The key {key_arn} did not wrap this data key for this model.")
        return plaintext

    def _require(self, key_arn: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if key_arn not in self.known or key_arn in self.disabled:
            raise KeyUnavailableError(f"The key {key_arn} cannot be used.")
        if key_arn in self.denied:
            raise KeyDeniedError(f"The server may not use the key {key_arn}.")


def _mask(key_arn: str, context: Mapping[str, str]) -> bytes:
    return hashlib.sha256(f"{key_arn} {sorted(context.items())}".encode()).digest()


def _xor(data: bytes, mask: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(data, mask, strict=True))
