"""How the clients of AWS's services reach them: as the server does, or as one import's `vpcConfig` says.

session ─client─▶ botocore's client ─▶ its pools of urllib3 ─▶ connections, opened by a Dial
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from outcrop.adapters.dialer import Dial
from outcrop.errors import OutcropError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A way out. As it is by default, it changes nothing."""

    dial: Dial | None = None
    """Opens the connections; None: whatever opens them otherwise does."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """URLs that go before those of the environment, by service."""

    def client(self, session: boto3.Session, service: str, *, config: Config, region_name: str) -> BaseClient:
        """Makes a client of a service that goes this way."""
        if self.dial is None:
            return session.client(
                service, config=config, region_name=region_name, endpoint_url=self.endpoints.get(service)
            )
        client = session.client(
            service,
            # A proxy of the environment is the server's way, and not the import's.
            config=config.merge(Config(proxies={})),
            region_name=region_name,
            endpoint_url=self.endpoints.get(service),
        )
        _dialed(client, self.dial)
        client.meta.events.register("response-received", _raise_ours)
        return client


DEFAULT = Outbound()
"""The server's own way."""


def _dialed(client: BaseClient, dial: Dial) -> None:
    """Has every connection of a client opened by a Dial, in place of urllib3's own `_new_conn`.

    There is no public way to a client's connections; a test in which they must all be opened by a Dial holds this.
    """

    def opened(connection: Any) -> socket.socket:
        timeout_s = connection.timeout if isinstance(connection.timeout, int | float) else None
        host = connection._dns_host  # noqa: SLF001  # as urllib3's own subclasses do
        try:
            return dial(host, connection.port, timeout_s)
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"connecting to {host} took too long") from error
        except OSError as error:
            raise NewConnectionError(connection, f"no connection to {host}: {error}") from error

    pools: dict[str, Any] = client._endpoint.http_session._pool_classes_by_scheme  # noqa: SLF001
    for scheme, pool in list(pools.items()):
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"_new_conn": opened})
        pools[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _raise_ours(exception: Exception | None = None, **_event: object) -> None:
    """Raises an error of ours as it is: botocore wraps what it does not know, and would tell only that."""
    cause = getattr(exception, "kwargs", {}).get("error")
    if isinstance(cause, OutcropError):
        raise cause
