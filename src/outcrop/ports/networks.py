"""The networks that imports name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from outcrop.ports.keys import KeyService
from outcrop.records import Network, NetworkUse


class NetworkCatalog(Protocol):
    """The durable record of the networks of imports. Raises UnavailableError."""

    def pin(self, job_id: str, name: str, addresses: Sequence[str]) -> Sequence[str]:
        """Keeps the addresses of a name, unless some are kept already; returns those that are. Blocks: for threads.

        Whichever worker goes on with the import connects to these, whatever the name resolves to by then. Without
        addresses it only asks.
        """
        ...

    async def used_by(self, model_id: str) -> NetworkUse | None:
        """Returns the network of the import that makes, or made, a model; None when it named none."""
        ...


class Networks(Protocol):
    """What requests may name in `vpcConfig`."""

    def require(self, network: Network) -> None:
        """Returns when every subnet and group means something here. Raises NetworkUnknownError."""
        ...

    def keys(self, network: Network) -> KeyService:
        """Returns the keys as they are reached by a network. Raises NetworkUnknownError."""
        ...
