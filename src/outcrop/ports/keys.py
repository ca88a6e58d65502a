"""Keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from outcrop.arn import Tenant
from outcrop.records import (
    DataKey,
)


class KeyService(Protocol):
    """Keys that wrap data keys. Raises KeyUnavailableError, and UnavailableError when the service is away."""

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the key that an ARN, id or alias means; None means the service's own key."""
        ...

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a 256-bit data key, wrapped by the key under an encryption context."""
        ...

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under."""
        ...
