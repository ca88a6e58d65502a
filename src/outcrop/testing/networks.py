"""Networks and what the catalog knows of them, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.errors import NetworkUnknownError
from outcrop.ports import KeyService
from outcrop.records import Network, NetworkUse
from outcrop.testing.keys import FakeKeyService


class FakeNetworkCatalog:
    """NetworkCatalog on dictionaries."""

    def __init__(self) -> None:
        self.pins: dict[tuple[str, str], tuple[str, ...]] = {}
        self.uses: dict[str, NetworkUse] = {}

    def pin(self, job_id: str, name: str, addresses: Sequence[str]) -> Sequence[str]:
        """Keeps the addresses of a name, unless some are kept already; returns those that are."""
        if addresses:
            self.pins.setdefault((job_id, name), tuple(addresses))
        return self.pins.get((job_id, name), ())

    async def used_by(self, model_id: str) -> NetworkUse | None:
        """Returns the network of the import that makes, or made, a model."""
        return self.uses.get(model_id)


class FakeNetworks:
    """Networks of which some are known, all with the same keys."""

    def __init__(self, *known: str, keys: KeyService | None = None) -> None:
        self._known = known
        self._keys = keys or FakeKeyService()

    def require(self, network: Network) -> None:
        """Returns when every id is known."""
        for kind, ids in (("subnet", network.subnet_ids), ("security group", network.security_group_ids)):
            unknown = [item for item in ids if item not in self._known]
            if unknown:
                raise NetworkUnknownError(kind, unknown)

    def keys(self, network: Network) -> KeyService:
        """Returns the keys."""
        self.require(network)
        return self._keys
