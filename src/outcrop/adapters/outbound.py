"""How the clients of AWS's services reach them: as the server does, or as one import's `vpcConfig` says.

botocore gives every request to the handlers of its `before-send` event, and takes the answer of the first that has one:
a client is sent over an import's own connections by such a handler, and all else of it stays as it is.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.client import BaseClient
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
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

    def client(self, session: boto3.Session, service: str, **arguments: Any) -> BaseClient:
        """Makes a client of a service that goes this way; the arguments are those of `boto3.Session.client`."""
        endpoint = self.endpoints.get(service)
        client = session.client(service, **arguments, **({} if endpoint is None else {"endpoint_url": endpoint}))
        if self.dial is not None:
            client.meta.events.register("before-send", _DialedSession(self.dial, session, client).handle)
        return client


DEFAULT = Outbound()
"""The server's own way."""


class _DialedSession(URLLib3Session):  # type: ignore[misc]  # botocore ships no types
    """botocore's HTTP, over connections that are opened by a Dial. No proxy of the environment is used."""

    def __init__(self, dial: Dial, session: boto3.Session, client: BaseClient) -> None:
        config = client.meta.config
        # As botocore finds it: the variable AWS_CA_BUNDLE, or the profile.
        bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001  # boto3 does not pass it on
        super().__init__(
            verify=True if bundle is None else bundle,
            timeout=(config.connect_timeout, config.read_timeout),
            max_pool_connections=config.max_pool_connections,
            client_cert=config.client_cert,
        )
        self._manager.pool_classes_by_scheme = _pools(dial)

    def handle(self, request: AWSPreparedRequest, **_event: object) -> AWSResponse:
        """Sends a request: a handler of `before-send`."""
        try:
            return self.send(request)
        except HTTPClientError as error:
            # botocore wraps what it does not know; ours says more.
            cause = error.kwargs.get("error")
            if isinstance(cause, OutcropError):
                raise cause from error
            raise


def _pools(dial: Dial) -> Mapping[str, type]:
    """Returns urllib3's pools, as botocore has them, of connections that are opened by a Dial."""

    def opened(connection: Any) -> socket.socket:
        timeout_s = connection.timeout if isinstance(connection.timeout, int | float) else None
        try:
            return dial(connection._dns_host, connection.port, timeout_s)  # noqa: SLF001  # as urllib3's own subclasses do
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, f"connecting to {connection.host} took too long") from error
        except OSError as error:
            raise NewConnectionError(connection, f"no connection to {connection.host}: {error}") from error

    plain = type("_Plain", (AWSHTTPConnection,), {"_new_conn": opened})
    tls = type("_Tls", (AWSHTTPSConnection,), {"_new_conn": opened})
    return {
        "http": type("_PlainPool", (AWSHTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_TlsPool", (AWSHTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
