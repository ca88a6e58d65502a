"""`outcrop networks`: what a networks file means, and what of it this machine lacks."""

from __future__ import annotations

from collections.abc import Iterator

import click

from outcrop.adapters.dialer import unusable
from outcrop.app.networks import load_networks
from outcrop.errors import SettingError
from outcrop.records import SecurityGroup, Subnet
from outcrop.settings import Settings

_ALL_PORTS = (0, 65535)


def print_networks(settings: Settings) -> bool:
    """Prints every subnet and group; returns whether all subnets can be used here. Sends nothing.

    Raises:
        SettingError: there is no file, or it is wrong.
    """
    known = load_networks(settings.networks)
    if known is None:
        raise SettingError("--networks", "is missing: name the file, or set OUTCROP_NETWORKS")
    is_good = True
    for subnet in known.subnets.values():
        reason = unusable(subnet)
        is_good &= reason is None
        click.echo(f"{subnet.id}  {', '.join(way_of(subnet))}")
        for line in _more_of(subnet):
            click.echo(f"    {line}")
        if reason is not None:
            click.secho(f"    of no use on this machine: {reason}", fg="red")
    for group in known.groups.values():
        click.echo(f"{group.id}  allows {'nothing' if not group.egress else ''}".rstrip())
        for line in rules_of(group):
            click.echo(f"    {line}")
    return is_good


def way_of(subnet: Subnet) -> Iterator[str]:
    """Yields how connections leave by a subnet, in words."""
    if subnet.sources:
        yield f"from {' and '.join(str(source) for source in subnet.sources)}"
    if subnet.device:
        yield f"by the device {subnet.device}"
    if subnet.proxy is not None:
        yield f"through the proxy {subnet.proxy}"
    if not (subnet.sources or subnet.device or subnet.proxy):
        yield "by this machine's own routes"


def rules_of(group: SecurityGroup) -> Iterator[str]:
    """Yields what a group allows, a line a rule."""
    for rule in group.egress:
        ports = (rule.first_port, rule.last_port)
        if ports == _ALL_PORTS:
            yield f"{rule.network} at every port"
        elif rule.first_port == rule.last_port:
            yield f"{rule.network} at port {rule.first_port}"
        else:
            yield f"{rule.network} at ports {rule.first_port} to {rule.last_port}"


def _more_of(subnet: Subnet) -> Iterator[str]:
    for service, url in subnet.endpoints.items():
        yield f"{service} is {url}"
    for host, addresses in subnet.hosts.items():
        yield f"{host} is {', '.join(str(address) for address in addresses)}"
    if subnet.resolver is not None:
        yield f"names are asked of {subnet.resolver[0]}, port {subnet.resolver[1]}"
