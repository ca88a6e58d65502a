"""Keys of models, each reached by the network that its import named: from the proof to the last load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from outcrop import arn
from outcrop.arn import Tenant
from outcrop.artifact.keywrap import MODEL_ARN
from outcrop.errors import KeyUnavailableError, NetworkRefusedError, NetworkUnknownError
from outcrop.ports import KeyService, NetworkCatalog
from outcrop.records import DataKey, NetworkUse


class NetworkedKeys:
    """A KeyService that goes by the model which the encryption context names."""

    def __init__(
        self, default: KeyService, catalog: NetworkCatalog, keys_of: Callable[[NetworkUse], KeyService]
    ) -> None:
        """Keeps the ways.

        Args:
            default: for models whose imports named no network.
            catalog: knows which did.
            keys_of: the keys as an import's network reaches them; raises NetworkUnknownError.
        """
        self._default = default
        self._catalog = catalog
        self._keys_of = keys_of

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of a key, asked by the server's own way."""
        return await self._default.resolve(key_id, tenant)

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a data key."""
        with _as_errors_of_keys(key_arn):
            return await (await self._by(context)).generate_data_key(key_arn, context)

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns a data key."""
        with _as_errors_of_keys(key_arn):
            return await (await self._by(context)).unwrap(key_arn, wrapped, context)

    async def _by(self, context: Mapping[str, str]) -> KeyService:
        model = arn.parse(context.get(MODEL_ARN, ""))
        use = None if model is None else await self._catalog.used_by(model.id)
        return self._default if use is None else self._keys_of(use)


@contextmanager
def _as_errors_of_keys(key_arn: str) -> Iterator[None]:
    """A load knows errors of keys, and none of imports."""
    try:
        yield
    except (NetworkRefusedError, NetworkUnknownError) as error:
        raise KeyUnavailableError(f"The key {key_arn} cannot be reached: {error}") from error
