"""Opens the connections of one import with a `vpcConfig`: the one place that makes sockets for it. Blocks: for threads.

    name ─pin─▶ addresses ─groups─▶ those allowed ─subnet─▶ source address, device, proxy ─▶ connected socket

What the groups do not allow is refused before a packet leaves. TLS and HTTP are the callers', and go by the name.
"""

from __future__ import annotations

import base64
import errno
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import closing

import structlog

from outcrop.errors import NetworkRefusedError, UnavailableError
from outcrop.imports.egress import Egress, plain
from outcrop.records import IpAddress, Proxy, Subnet

log = structlog.get_logger()

Dial = Callable[[str, int, float | None], socket.socket]
"""Host, port, and the longest time that connecting may take in seconds → a connected socket. Raises OSError."""

Pin = Callable[[str, Sequence[str]], Sequence[str]]
"""A name, and the addresses to keep for it unless some are kept already → those that are; none where none are."""

_BIND_TO_DEVICE: int = getattr(socket, "SO_BINDTODEVICE", 0)
"""Linux only; 0 elsewhere."""
_HEAD_BYTES = 16 << 10
_ERROR_AT = 300


class Dialer:
    """A Dial that keeps to an import's egress. May be used by several threads at once."""

    def __init__(
        self, egress: Egress, *, pin: Pin, resolve: Callable[[str, Subnet | None], Sequence[IpAddress]]
    ) -> None:
        """Keeps how names become addresses.

        Args:
            egress: the ways and the limits.
            pin: keeps what a name was resolved to, and knows what was kept before.
            resolve: asks a subnet's DNS server, or this machine's resolver, for all addresses; raises OSError.
        """
        self._egress = egress
        self._pin = pin
        self._resolve = resolve
        self._good: dict[tuple[str, int], tuple[Subnet, IpAddress]] = {}
        self._resolving = threading.Lock()
        self._known: dict[str, tuple[IpAddress, ...]] = {}

    def __call__(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        """Opens a connection: by each subnet in turn, to each address that the groups allow.

        Raises:
            NetworkRefusedError: the groups allow none of the host's addresses, or no subnet leads to any.
            UnavailableError: a proxy does not open it, or the pins cannot be read.
            OSError: nobody answers.
        """
        name = host.strip("[]").lower().rstrip(".")
        if not self._egress.has_port(port):
            raise NetworkRefusedError(self._egress.refusal(name, (), port))
        addresses = self._addresses(name)
        allowed = [address for address in addresses if self._egress.allows(address, port)]
        if not allowed:
            raise NetworkRefusedError(self._egress.refusal(name, addresses, port))
        ways = [(subnet, address) for subnet in self._egress.subnets for address in allowed if subnet.reaches(address)]
        if not ways:
            named = ", ".join(subnet.id for subnet in self._egress.subnets)
            raise NetworkRefusedError(
                f"No subnet of {named} has a source address of the family of {name} ({allowed[0]}), at port {port}."
            )
        good = self._good.get((name, port))
        if good in ways:
            ways.sort(key=lambda way: way != good)
        failure: OSError | UnavailableError | None = None
        for way in ways:
            try:
                connected = _open(*way, port, timeout_s)
            except (OSError, UnavailableError) as error:
                subnet, address = way
                log.warning(
                    "way_failed", subnet=subnet.id, host=name, address=str(address), port=port, reason=str(error)
                )
                failure = error
            else:
                self._good[name, port] = way
                return connected
        raise failure or OSError("there was no way to go")

    def _addresses(self, name: str) -> tuple[IpAddress, ...]:
        """Returns all addresses of a host, as they were when this import first needed them."""
        try:
            return (plain(ipaddress.ip_address(name)),)
        except ValueError:
            pass
        with self._resolving:
            if name not in self._known:
                kept = self._pin(name, ()) or self._pin(name, [str(address) for address in self._asked(name)])
                self._known[name] = tuple(ipaddress.ip_address(text) for text in kept)
            return self._known[name]

    def _asked(self, name: str) -> Sequence[IpAddress]:
        found = self._egress.hosts(name) or self._resolve(name, self._egress.resolving)
        return list(dict.fromkeys(plain(address) for address in found))


def bound_socket(subnet: Subnet, family: int, kind: int, source: IpAddress | None) -> socket.socket:
    """Returns a socket that sends by a subnet's device and from its source address. Raises OSError; sends nothing."""
    if subnet.device and not _BIND_TO_DEVICE:
        raise OSError(errno.ENOTSUP, "this platform does not send by a chosen device")
    made = socket.socket(family, kind)
    try:
        if subnet.device:
            made.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, subnet.device.encode() + b"\0")
        if source is not None:
            made.bind((str(source), 0))
    except BaseException:
        made.close()
        raise
    return made


def family_of(address: IpAddress) -> socket.AddressFamily:
    """Returns the kind of sockets that lead to an address."""
    return socket.AF_INET6 if isinstance(address, ipaddress.IPv6Address) else socket.AF_INET


def _open(subnet: Subnet, address: IpAddress, port: int, timeout_s: float | None) -> socket.socket:
    if subnet.proxy is None:
        return _connected(subnet, address, port, timeout_s)
    failure: OSError | None = None
    # The proxy is the operator's, like a gateway: the groups say what is beyond it.
    for *_, where in socket.getaddrinfo(subnet.proxy.host, subnet.proxy.port, type=socket.SOCK_STREAM):
        try:
            connection = _connected(subnet, ipaddress.ip_address(where[0]), subnet.proxy.port, timeout_s)
        except OSError as error:
            failure = error
            continue
        try:
            _tunnel(connection, subnet, subnet.proxy, address, port)
        except BaseException:
            connection.close()
            raise
        return connection
    raise failure or OSError("the proxy has no address")


def _connected(subnet: Subnet, address: IpAddress, port: int, timeout_s: float | None) -> socket.socket:
    made = bound_socket(subnet, family_of(address), socket.SOCK_STREAM, subnet.source_of(address))
    try:
        made.settimeout(timeout_s)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect((str(address), port))
    except BaseException:
        made.close()
        raise
    return made


def _tunnel(connection: socket.socket, subnet: Subnet, proxy: Proxy, address: IpAddress, port: int) -> None:
    """Has a proxy connect to an address (RFC 9110, 9.3.6): to the one that was judged, and not to a name."""
    where = f"[{address}]:{port}" if family_of(address) == socket.AF_INET6 else f"{address}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.user:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    status = _status_of(_head(connection))
    if not 200 <= status < _ERROR_AT:  # noqa: PLR2004  # any 2xx is a tunnel
        raise UnavailableError(f"the proxy {proxy} of subnet {subnet.id}", f"it answered {status} to CONNECT {where}")


def _head(connection: socket.socket) -> bytes:
    """Reads the head of an answer and nothing beyond it: what follows is the tunnel's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_BYTES:
        byte = connection.recv(1)
        if not byte:
            break
        head += byte
    return bytes(head)


def _status_of(head: bytes) -> int:
    version, _, rest = head.partition(b" ")
    return int(rest[:3]) if version.startswith(b"HTTP/1.") and rest[:3].isdigit() else 0


def unusable(subnet: Subnet) -> str | None:
    """Returns why a subnet cannot be used on this machine, without sending anything; None when it can."""
    families = {family_of(source): source for source in subnet.sources}
    for family, source in families.items() or [(socket.AF_INET, None)]:
        try:
            closing(bound_socket(subnet, family, socket.SOCK_STREAM, source)).__exit__()
        except OSError as error:
            what = f"the source address {source}" if source is not None else f"the device {subnet.device}"
            return f"{what} cannot be used: {error.strerror}"
    return None
