"""Which connections an import with a `vpcConfig` may open, and which ways it has. Pure: it decides, and opens nothing.

The groups of a job are added up, as AWS does: what one of them allows is allowed. What is judged is the address that a
packet would go to, never a name, and never as which kind of address it was written.

    range                                        allowed by
    0.0.0.0, ::, multicast, broadcast            nothing: these are no destinations
    loopback, link-local (instance metadata)     a rule that lies within that range itself: not 0.0.0.0/0 or ::/0
    any other                                    a rule that holds it
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outcrop.errors import NetworkUnknownError
from outcrop.records import EgressRule, IpAddress, Network, NetworkMap, SecurityGroup, Subnet

_APART = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "::1/128",
        "169.254.0.0/16",  # RFC 3927; 169.254.169.254 tells who asks the machine's credentials
        "fe80::/10",
        "fd00:ec2::/32",  # where EC2 answers the same over IPv6
    )
)
"""Ranges of the machine itself. No VPC leads there, so a rule must name them to mean them."""

_BROADCAST = ipaddress.ip_address("255.255.255.255")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_LOW_32 = (1 << 32) - 1
_MOST_TOLD = 4


def plain(address: IpAddress) -> IpAddress:
    """Returns the address that packets go to: an IPv4 address that is written as IPv6 (::ffff:10.0.0.1) is IPv4."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """The ways and the limits of one import."""

    subnets: tuple[Subnet, ...]
    """In the order of the request: the first that leads somewhere is taken."""
    groups: tuple[SecurityGroup, ...]

    def allows(self, address: IpAddress, port: int) -> bool:
        """Says whether the groups allow a connection to an address and port."""
        return all(self._allows(end, port) for end in _ends(plain(address)))

    def has_port(self, port: int) -> bool:
        """Says whether the groups allow any address at a port: if not, no name need be asked for."""
        return any(rule.first_port <= port <= rule.last_port for group in self.groups for rule in group.egress)

    def refusal(self, host: str, addresses: Sequence[IpAddress], port: int) -> str:
        """Returns why a connection is not opened: the groups, and what was to be reached."""
        told = ", ".join(str(plain(address)) for address in addresses[:_MOST_TOLD])
        where = host if told in ("", host) else f"{host} ({told})"
        ids = ", ".join(group.id for group in self.groups)
        noun = "security group" if len(self.groups) == 1 else "security groups"
        verb = "does" if len(self.groups) == 1 else "do"
        return f"The {noun} {ids} {verb} not allow a connection to {where} at port {port}."

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The private endpoints, by service: of each, that of the first subnet which has one."""
        return {name: url for subnet in reversed(self.subnets) for name, url in subnet.endpoints.items()}

    def hosts(self, name: str) -> tuple[IpAddress, ...]:
        """Returns the addresses that the first subnet which knows a name has for it; none: it must be resolved."""
        return next((subnet.hosts[name] for subnet in self.subnets if name in subnet.hosts), ())

    @property
    def resolving(self) -> Subnet | None:
        """The first subnet with a DNS server of its own; None: this machine's resolver is asked."""
        return next((subnet for subnet in self.subnets if subnet.resolver is not None), None)

    def _allows(self, address: IpAddress, port: int) -> bool:
        if address.is_unspecified or address.is_multicast or address == _BROADCAST:
            return False
        apart = next((network for network in _APART if address in network), None)
        return any(
            address in rule.network and rule.first_port <= port <= rule.last_port and _means(rule, apart)
            for group in self.groups
            for rule in group.egress
        )


def egress_of(networks: NetworkMap, network: Network) -> Egress:
    """Returns what a `vpcConfig` means.

    Raises:
        NetworkUnknownError: the map lacks a subnet or group that it names.
    """
    for kind, asked, known in (
        ("subnet", network.subnet_ids, networks.subnets),
        ("security group", network.security_group_ids, networks.groups),
    ):
        unknown = [item for item in asked if item not in known]
        if unknown:
            raise NetworkUnknownError(kind, unknown)
    return Egress(
        subnets=tuple(networks.subnets[item] for item in network.subnet_ids),
        groups=tuple(networks.groups[item] for item in network.security_group_ids),
    )


def _ends(address: IpAddress) -> tuple[IpAddress, ...]:
    """Returns every address that a packet to this one may come to: gateways turn some IPv6 addresses into IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address in _NAT64:
        return (address, ipaddress.IPv4Address(int(address) & _LOW_32))
    inner = address.sixtofour or (address.teredo[1] if address.teredo is not None else None)
    return (address,) if inner is None else (address, inner)


def _means(rule: EgressRule, apart: ipaddress.IPv4Network | ipaddress.IPv6Network | None) -> bool:
    if apart is None:
        return True
    network = rule.network
    return network.version == apart.version and network.subnet_of(apart)  # type: ignore[arg-type]  # the same family
