"""What subnets and security groups mean on this machine: values, read from the networks file at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

ENDPOINT_SERVICES = ("s3", "sts", "kms")
"""The services that an import speaks to, as endpoints are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy that opens connections with CONNECT."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A way out of this machine."""

    id: str
    sources: tuple[IpAddress, ...] = ()
    """Addresses of this machine that connections come from, at most one of each family; none: the routes decide."""
    device: str = ""
    """The network device that connections leave by; empty: the routes decide."""
    proxy: Proxy | None = None
    """Who opens the connections; None: we do."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """URLs of S3, STS and KMS behind this subnet, by the names in ENDPOINT_SERVICES."""
    hosts: Mapping[str, tuple[IpAddress, ...]] = field(default_factory=dict)
    """Addresses of names, in lower case, that are not asked for."""
    resolver: tuple[IpAddress, int] | None = None
    """Address and port of the DNS server behind this subnet; None: this machine's resolver is asked."""

    def source_of(self, address: IpAddress) -> IpAddress | None:
        """Returns the source address for a destination, if one of its family is named."""
        return next((source for source in self.sources if source.version == address.version), None)

    def reaches(self, address: IpAddress) -> bool:
        """Says whether connections to a destination can go this way: with a proxy, and without source, any can."""
        return self.proxy is not None or not self.sources or self.source_of(address) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """What a security group allows: destinations by address and port, both ends of the ports included."""

    network: IpNetwork
    first_port: int
    last_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """Which connections may be opened. What no rule allows is refused."""

    id: str
    egress: tuple[EgressRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMap:
    """Every subnet and security group that this server knows, by id."""

    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
