"""Reads the document of a networks file: what subnets and security groups mean here (docs/networks.md). Pure.

Whatever is wrong is told with the entry that it is wrong in, such as `subnets.subnet-1.source`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from outcrop.records import (
    ENDPOINT_SERVICES,
    EgressRule,
    IpAddress,
    IpNetwork,
    NetworkMap,
    Proxy,
    SecurityGroup,
    Subnet,
)

Value = TypeVar("Value")

_ID = re.compile(r"[-0-9a-zA-Z]{1,32}")  # SPEC 2.0.12
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_HIGHEST_PORT = 65535
_DNS_PORT = 53
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WAYS = ("source", "device", "proxy", "direct")


def read_networks(document: object) -> NetworkMap:
    """Returns what a networks file says.

    Raises:
        ValueError: an entry cannot work; the message begins with the entry.
    """
    whole = _table(document, "the file")
    _require_keys(whole, "the file", ("subnets", "security-groups"))
    subnets = _each(whole.get("subnets", {}), "subnets", _subnet)
    groups = _each(whole.get("security-groups", {}), "security-groups", _group)
    if not subnets or not groups:
        raise ValueError("the file must name at least one of [subnets.ID] and one of [security-groups.ID]")
    return NetworkMap(subnets=subnets, groups=groups)


def _each(table: object, where: str, read: Callable[[str, str, Mapping[str, Any]], Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, entry in _table(table, where).items():
        if not _ID.fullmatch(name):
            raise ValueError(f"{where}.{name}: an id has 1 to 32 letters, digits and dashes")
        found[name] = read(name, f"{where}.{name}", _table(entry, f"{where}.{name}"))
    return found


def _subnet(name: str, where: str, entry: Mapping[str, Any]) -> Subnet:
    _require_keys(entry, where, (*_WAYS, "endpoints", "hosts", "resolver"))
    if not any(entry.get(way) for way in _WAYS):
        raise ValueError(f"{where}: says no way out: give it a source, a device or a proxy, or say direct = true")
    if "direct" in entry and (entry["direct"] is not True or len(entry.keys() & set(_WAYS)) > 1):
        raise ValueError(f"{where}.direct: is true, and goes with no source, device or proxy")
    sources = _addresses(entry["source"], f"{where}.source") if "source" in entry else ()
    if len({source.version for source in sources}) < len(sources):
        raise ValueError(f"{where}.source: has two addresses of one family; give one IPv4 and one IPv6 address at most")
    for source in sources:
        if source.is_unspecified or source.is_multicast:
            raise ValueError(f"{where}.source: {source} is not an address that connections come from")
    endpoints = _table(entry.get("endpoints", {}), f"{where}.endpoints")
    _require_keys(endpoints, f"{where}.endpoints", ENDPOINT_SERVICES)
    hosts = _table(entry.get("hosts", {}), f"{where}.hosts")
    return Subnet(
        id=name,
        sources=sources,
        device=_text(entry.get("device", ""), f"{where}.device"),
        proxy=_proxy(_text(entry["proxy"], f"{where}.proxy"), f"{where}.proxy") if "proxy" in entry else None,
        endpoints={service: _url(url, f"{where}.endpoints.{service}") for service, url in endpoints.items()},
        hosts={host.lower().rstrip("."): _addresses(listed, f"{where}.hosts.{host}") for host, listed in hosts.items()},
        resolver=_resolver(entry["resolver"], f"{where}.resolver") if "resolver" in entry else None,
    )


def _group(name: str, where: str, entry: Mapping[str, Any]) -> SecurityGroup:
    _require_keys(entry, where, ("egress",))
    rules = entry.get("egress", [])
    if not isinstance(rules, list):
        raise ValueError(f"{where}.egress: is a list of rules")  # noqa: TRY004  # every mistake of the file is one kind
    return SecurityGroup(
        id=name,
        egress=tuple(rule for index, item in enumerate(rules) for rule in _rules(item, f"{where}.egress[{index}]")),
    )


def _rules(item: object, where: str) -> Iterator[EgressRule]:
    entry = _table(item, where)
    _require_keys(entry, where, ("to", "ports"))
    if "to" not in entry or "ports" not in entry:
        raise ValueError(f"{where}: needs both `to` (CIDRs) and `ports`")
    for text in _texts(entry["to"], f"{where}.to"):
        network = _network(text, f"{where}.to")
        for first, last in _ports(entry["ports"], f"{where}.ports"):
            yield EgressRule(network=network, first_port=first, last_port=last)


def _ports(value: object, where: str) -> Iterator[tuple[int, int]]:
    if value == "all":
        yield 0, _HIGHEST_PORT
        return
    for item in value if isinstance(value, list) else [value]:
        match = _PORTS.fullmatch(str(item)) if isinstance(item, int | str) and not isinstance(item, bool) else None
        first = int(match[1]) if match is not None else -1
        last = int(match[2] or match[1]) if match is not None else -1
        if not 0 <= first <= last <= _HIGHEST_PORT:
            raise ValueError(f"{where}: {item!r} is no port such as 443, no range such as '9000-9010', and not 'all'")
        yield first, last


def _network(text: str, where: str) -> IpNetwork:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        raise ValueError(f"{where}: {text} is a range of IPv4 addresses written as IPv6; write it as IPv4")
    return network


def _address(text: str, where: str) -> IpAddress:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _addresses(value: object, where: str) -> tuple[IpAddress, ...]:
    found = tuple(_address(text, where) for text in _texts(value, where))
    if not found:
        raise ValueError(f"{where}: needs an address")
    return found


def _proxy(text: str, where: str) -> Proxy:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if url.scheme != "http" or host is None or port is None or url.path.strip("/") or url.query:
        raise ValueError(f"{where}: expected http://HOST:PORT of a proxy that knows CONNECT")
    return Proxy(host=host, port=port, user=unquote(url.username or ""), password=unquote(url.password or ""))


def _resolver(value: object, where: str) -> tuple[IpAddress, int]:
    text = _text(value, where)
    try:
        return ipaddress.ip_address(text), _DNS_PORT
    except ValueError:
        pass
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise ValueError(f"{where}: expected the address of a DNS server, or ADDRESS:PORT, not {text!r}")
    return _address(host.removeprefix("[").removesuffix("]"), where), int(port)


def _url(value: object, where: str) -> str:
    text = _text(value, where)
    try:
        url = urlsplit(text)
        is_good = url.scheme in ("http", "https") and url.hostname is not None and (url.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(f"{where}: expected an http(s) URL, not {text!r}")
    return text


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: is a table, not {value!r}")  # noqa: TRY004  # every mistake of the file is one kind
    return value


def _texts(value: object, where: str) -> list[str]:
    return [_text(item, where) for item in (value if isinstance(value, list) else [value])]


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: is text, not {value!r}")  # noqa: TRY004  # as above
    return value


def _require_keys(entry: Mapping[str, Any], where: str, known: Collection[str]) -> None:
    for name in entry:
        if name not in known:
            raise ValueError(f"{where}: has no member {name!r}; it may have {', '.join(known)}")
