"""The networks that imports name: from the networks file to connections."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from outcrop.adapters.dialer import Dialer, unusable
from outcrop.errors import NetworkUnknownError, SettingError
from outcrop.imports.egress import Egress, egress_of
from outcrop.imports.network_file import read_networks
from outcrop.ports import KeyService, NetworkCatalog
from outcrop.records import ImportJob, Network, NetworkMap, NetworkUse

log = structlog.get_logger()

if TYPE_CHECKING:
    # boto3 takes 0.2 s to import, which servers without networks need not pay.
    from outcrop.adapters.outbound import Outbound

NO_FILE = "unknown: this server has no networks file (outcrop serve --networks FILE, docs/networks.md)"


def load_networks(path: Path | None) -> NetworkMap | None:
    """Reads the networks file, TOML or (named *.json) JSON; None: there is none.

    Raises:
        SettingError: it cannot be read, or an entry of it cannot work; the message names the entry.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        return read_networks(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except (OSError, ValueError) as error:
        raise SettingError("--networks", f"{path}: {error}") from error


class ServerNetworks:
    """What `vpcConfig` may name on this server, and the ways out that it means."""

    def __init__(
        self,
        known: NetworkMap | None,
        catalog: NetworkCatalog,
        *,
        keys: KeyService,
        keys_by: Callable[[Outbound], KeyService] | None,
        is_worker: bool,
    ) -> None:
        """Keeps what is known.

        Args:
            known: the networks file; None: there is none.
            catalog: keeps where names led.
            keys: the server's own.
            keys_by: the keys as a way out reaches them; None: they are on this machine, and no connection leads there.
            is_worker: whether imports run on this machine, which must then have what the subnets say.
        """
        self._known = known
        self._catalog = catalog
        self._keys = keys
        self._keys_by = keys_by
        self._is_worker = is_worker

    def require(self, network: Network) -> None:
        """Returns when every subnet and group means something here.

        Raises:
            NetworkUnknownError: one does not, or a subnet cannot be used on this machine.
        """
        egress = self._egress(network)
        for subnet in egress.subnets if self._is_worker else ():
            reason = unusable(subnet)
            if reason is not None:
                raise NetworkUnknownError("subnet", [subnet.id], f"of no use on this machine: {reason}")

    def keys(self, network: Network) -> KeyService:
        """Returns the keys as a network reaches them, for one request: its names are resolved for it alone.

        Raises:
            NetworkUnknownError: a subnet or group is unknown.
        """
        return self._keys if self._keys_by is None else self._keys_by(self._outbound(network, _forgotten))

    def keys_of_job(self, job: ImportJob) -> KeyService:
        """Returns the keys as an import reaches them. Raises NetworkUnknownError."""
        network = job.request.network
        return (
            self._keys if network is None else self.keys_of(NetworkUse(network=network, job_id=job.id, has_ended=False))
        )

    def keys_of(self, use: NetworkUse) -> KeyService:
        """Returns the keys as the import of a model reaches them; once it has ended, names are resolved anew.

        Raises:
            NetworkUnknownError: a subnet or group is unknown.
        """
        if self._keys_by is None:
            return self._keys
        return self._keys_by(
            self._outbound(use.network, _forgotten if use.has_ended else partial(self._pinned, use.job_id))
        )

    def outbound(self, job: ImportJob) -> Outbound:
        """Returns the way out of an import. Raises NetworkUnknownError."""
        from outcrop.adapters.outbound import DEFAULT  # noqa: PLC0415  # as above

        network = job.request.network
        return DEFAULT if network is None else self._outbound(network, partial(self._pinned, job.id))

    def outbound_once(self, job: ImportJob) -> Outbound:
        """Returns the way out of an import that is not accepted yet: its names are resolved for it alone.

        Raises:
            NetworkUnknownError: a subnet or group is unknown.
        """
        from outcrop.adapters.outbound import DEFAULT  # noqa: PLC0415  # as above

        network = job.request.network
        return DEFAULT if network is None else self._outbound(network, _forgotten)

    def _outbound(self, network: Network, pin: Callable[[str, Sequence[str]], Sequence[str]]) -> Outbound:
        from outcrop.adapters.outbound import Outbound  # noqa: PLC0415  # as above
        from outcrop.adapters.resolving import resolve  # noqa: PLC0415  # as above

        egress = self._egress(network)
        return Outbound(dial=Dialer(egress, pin=pin, resolve=resolve), endpoints=egress.endpoints)

    def _pinned(self, job_id: str, name: str, addresses: Sequence[str]) -> Sequence[str]:
        kept = self._catalog.pin(job_id, name, addresses)
        if addresses:
            log.info("name_pinned", job_id=job_id, name=name, addresses=list(kept))
        return kept

    def _egress(self, network: Network) -> Egress:
        if self._known is None:
            asked = network.subnet_ids
            raise NetworkUnknownError("subnet", asked, NO_FILE)
        return egress_of(self._known, network)


def _forgotten(_name: str, addresses: Sequence[str]) -> Sequence[str]:
    """Keeps nothing: the Dialer remembers for as long as it lives."""
    return addresses
