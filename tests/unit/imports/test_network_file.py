"""The networks file."""

import tomllib
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from outcrop.imports.network_file import read_networks
from outcrop.records import EgressRule, Proxy, Subnet

WHOLE = """
[subnets.subnet-0a]
source = ["10.77.0.5", "fd00:77::5"]
device = "eth1"
resolver = "10.77.0.2"
endpoints = { s3 = "https://s3.example:9000", sts = "http://10.77.0.3:80", kms = "https://[fd00:77::9]" }
hosts = { "S3.Example." = ["10.77.0.9", "fd00:77::9"] }

[subnets.subnet-0b]
proxy = "http://ana:p%40ss@proxy.example:3128"
resolver = "[fd00:77::2]:5353"

[subnets.here]
direct = true

[security-groups.sg-1]
egress = [
  { to = ["10.77.0.0/24", "fd00:77::/64"], ports = ["443", "9000-9010"] },
  { to = "198.51.100.7", ports = 80 },
  { to = "0.0.0.0/0", ports = "all" },
]

[security-groups.sg-2]
"""


def test_every_member_is_read() -> None:
    """Subnets with their ways, groups with a rule for each range and port range."""
    known = read_networks(tomllib.loads(WHOLE))

    assert known.subnets["subnet-0a"] == Subnet(
        id="subnet-0a",
        sources=(ip_address("10.77.0.5"), ip_address("fd00:77::5")),
        device="eth1",
        resolver=(ip_address("10.77.0.2"), 53),
        endpoints={"s3": "https://s3.example:9000", "sts": "http://10.77.0.3:80", "kms": "https://[fd00:77::9]"},
        hosts={"s3.example": (ip_address("10.77.0.9"), ip_address("fd00:77::9"))},
    )
    assert known.subnets["subnet-0b"].proxy == Proxy(host="proxy.example", port=3128, user="ana", password="p@ss")
    assert known.subnets["subnet-0b"].resolver == (ip_address("fd00:77::2"), 5353)
    assert known.subnets["here"] == Subnet(id="here")
    assert [rule.first_port for rule in known.groups["sg-1"].egress] == [443, 9000, 443, 9000, 80, 0]
    assert known.groups["sg-1"].egress[3] == EgressRule(
        network=ip_network("fd00:77::/64"), first_port=9000, last_port=9010
    )
    assert known.groups["sg-2"].egress == ()


def test_a_password_of_a_proxy_is_not_shown() -> None:
    """It must not come into logs."""
    assert "p@ss" not in repr(read_networks(tomllib.loads(WHOLE)))


def _with(**changes: Any) -> dict[str, Any]:
    return {"subnets": {"s-1": {"direct": True}}, "security-groups": {"g-1": {}}, **changes}


def _subnet(**members: Any) -> dict[str, Any]:
    return _with(subnets={"s-1": members})


def _rule(**members: Any) -> dict[str, Any]:
    return _with(**{"security-groups": {"g-1": {"egress": [members]}}})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "the file must name at least one of"),
        (_with(groups={}), "the file: has no member 'groups'; it may have subnets, security-groups"),
        (_with(subnets=[]), "subnets: is a table"),
        (_with(subnets={"a_b": {"direct": True}}), "subnets.a_b: an id has 1 to 32 letters"),
        (_with(subnets={"s-1": 1}), "subnets.s-1: is a table"),
        (_subnet(), "subnets.s-1: says no way out"),
        (_subnet(endpoints={"s3": "http://a"}), "subnets.s-1: says no way out"),
        (_subnet(sources="10.0.0.1"), "subnets.s-1: has no member 'sources'"),
        (_subnet(source="10.0.0"), "subnets.s-1.source: '10.0.0' does not appear"),
        (_subnet(source=["10.0.0.1", "10.0.0.2"]), "subnets.s-1.source: has two addresses of one family"),
        (_subnet(source="0.0.0.0"), "subnets.s-1.source: 0.0.0.0 is not an address that"),
        (_subnet(source=7), "subnets.s-1.source: is text, not 7"),
        (_subnet(direct=True, device="e"), "subnets.s-1.direct: is true, and goes with no"),
        (_subnet(proxy="socks5://a:1"), "subnets.s-1.proxy: expected http://HOST:PORT"),
        (_subnet(proxy="https://a:1"), "subnets.s-1.proxy: expected http://HOST:PORT"),
        (_subnet(proxy="http://a"), "subnets.s-1.proxy: expected http://HOST:PORT"),
        (_subnet(proxy="http://a:99999"), "subnets.s-1.proxy: Port out of range"),
        (_subnet(direct=True, resolver="dns.example"), "subnets.s-1.resolver: expected the address"),
        (_subnet(direct=True, resolver="10.0.0.1:0"), "subnets.s-1.resolver: expected the address"),
        (_subnet(direct=True, endpoints={"s4": "http://a"}), "subnets.s-1.endpoints: has no member 's4'"),
        (_subnet(direct=True, endpoints={"s3": "a:9000"}), "subnets.s-1.endpoints.s3: expected an http"),
        (_subnet(direct=True, hosts={"a": "b"}), "subnets.s-1.hosts.a: 'b' does not appear"),
        (_subnet(direct=True, hosts={"a": []}), "subnets.s-1.hosts.a: needs an address"),
        (_with(**{"security-groups": {"g-1": {"ingress": []}}}), "security-groups.g-1: has no member 'ingress'"),
        (_with(**{"security-groups": {"g-1": {"egress": {}}}}), "security-groups.g-1.egress: is a list"),
        (_rule(to="10.0.0.0/8"), "egress\\[0\\]: needs both"),
        (_rule(to="10.0.0.1/8", ports=443), "egress\\[0\\].to: 10.0.0.1/8 has host bits set"),
        (_rule(to="::ffff:10.0.0.0/104", ports=443), "egress\\[0\\].to: .* written as IPv6"),
        (_rule(to="sg-2", ports=443), "egress\\[0\\].to: 'sg-2' does not appear"),
        (_rule(to="10.0.0.0/8", ports="443-80"), "egress\\[0\\].ports: '443-80' is no port"),
        (_rule(to="10.0.0.0/8", ports=70000), "egress\\[0\\].ports: 70000 is no port"),
        (_rule(to="10.0.0.0/8", ports=True), "egress\\[0\\].ports: True is no port"),
        (_rule(to="10.0.0.0/8", ports=["https"]), "egress\\[0\\].ports: 'https' is no port"),
    ],
)
def test_a_mistake_is_told_with_its_entry(document: dict[str, Any], message: str) -> None:
    """Whoever wrote the file finds the line."""
    with pytest.raises(ValueError, match=message):
        read_networks(document)
