"""Asks for all addresses of a name: the DNS server behind a subnet, or whatever this machine asks. Blocks."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from outcrop.adapters.dialer import bound_socket, family_of
from outcrop.records import IpAddress, Subnet

_ANSWER_S = 5.0
_ATTEMPTS = 3
"""A datagram may be lost."""


def resolve(name: str, subnet: Subnet | None) -> Sequence[IpAddress]:
    """Returns all IPv4 and IPv6 addresses of a name.

    Raises:
        socket.gaierror: it has none, or nobody answers.
    """
    if subnet is None or subnet.resolver is None:
        known = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        found = [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in known]
    else:
        try:
            found = [address for kind in (dns.rdatatype.A, dns.rdatatype.AAAA) for address in _ask(name, kind, subnet)]
        except (OSError, dns.exception.DNSException) as error:
            raise socket.gaierror(
                socket.EAI_AGAIN, f"{type(error).__name__} from the DNS server of {subnet.id}"
            ) from error
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"{name} has no address")
    return list(dict.fromkeys(found))


def _ask(name: str, kind: dns.rdatatype.RdataType, subnet: Subnet) -> Sequence[IpAddress]:
    assert subnet.resolver is not None  # noqa: S101  # the caller has looked
    server, port = subnet.resolver
    query = dns.message.make_query(name, kind)
    answer = _sent(query, server, port, subnet)
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return []
    if answer.rcode() != dns.rcode.NOERROR:
        raise OSError(dns.rcode.to_text(answer.rcode()))
    if not isinstance(answer, dns.message.QueryMessage):
        raise OSError("no answer to a query")  # as every answer that is none
    records = answer.resolve_chaining().answer
    return [] if records is None else [ipaddress.ip_address(record.address) for record in records]


def _sent(query: dns.message.Message, server: IpAddress, port: int, subnet: Subnet) -> dns.message.Message:
    """Sends a query by the subnet's device and from its source, and once more over TCP where the answer is long."""
    family, source = family_of(server), subnet.source_of(server)
    where = str(server)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with bound_socket(subnet, family, socket.SOCK_DGRAM, source) as datagrams:
                datagrams.setblocking(False)  # noqa: FBT003  # its only argument, and as dnspython wants it
                return dns.query.udp(
                    query, where, _ANSWER_S, port, sock=datagrams, ignore_unexpected=True, raise_on_truncation=True
                )
        except dns.message.Truncated:
            break
        except dns.exception.Timeout:
            if attempt == _ATTEMPTS:
                raise
    with bound_socket(subnet, family, socket.SOCK_STREAM, source) as stream:
        stream.settimeout(_ANSWER_S)
        stream.connect((where, port))
        stream.setblocking(False)  # noqa: FBT003  # as above
        return dns.query.tcp(query, where, _ANSWER_S, sock=stream)
