"""What security groups allow, and what subnets mean."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.errors import NetworkUnknownError
from outcrop.imports.egress import Egress, egress_of
from outcrop.imports.network_file import read_networks
from outcrop.records import Network, Subnet

EVERYWHERE = {"to": ["0.0.0.0/0", "::/0"], "ports": "all"}


def egress(*groups: list[dict[str, object]], subnets: tuple[Subnet, ...] = ()) -> Egress:
    """An egress of groups sg-0, sg-1 … with these rules."""
    known = read_networks(
        {
            "subnets": {"subnet-1": {"direct": True}},
            "security-groups": {f"sg-{index}": {"egress": rules} for index, rules in enumerate(groups)},
        }
    )
    return Egress(subnets=subnets, groups=tuple(known.groups.values()))


@pytest.mark.parametrize(
    ("address", "port", "is_allowed"),
    [
        ("10.1.2.3", 443, True),
        ("10.1.2.3", 442, False),
        ("10.1.2.3", 9000, True),
        ("10.1.2.3", 9010, True),
        ("10.1.2.3", 9011, False),
        ("10.2.0.0", 443, False),
        ("::ffff:10.1.2.3", 443, True),
        ("::ffff:10.2.0.1", 443, False),
        ("fd00:77::9", 443, True),
        ("fd00:78::9", 443, False),
    ],
)
def test_a_rule_allows_its_range_at_its_ports(address: str, port: int, *, is_allowed: bool) -> None:
    """Both ends of both belong to it; an IPv4 address is the same however it is written."""
    judged = egress([{"to": ["10.1.0.0/16", "fd00:77::/64"], "ports": [443, "9000-9010"]}])

    assert judged.allows(ip_address(address), port) is is_allowed


def test_the_groups_of_an_import_are_added_up() -> None:
    """As AWS does: what one of them allows is allowed."""
    judged = egress([{"to": "10.1.0.0/16", "ports": 443}], [{"to": "10.2.0.0/16", "ports": 80}])

    found = [judged.allows(ip_address(address), port) for address in ("10.1.0.1", "10.2.0.1") for port in (443, 80)]

    assert found == [True, False, False, True]


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "::ffff:169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1"),
        *("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1"),
        *("0.0.0.0", "::", "::ffff:0.0.0.0", "255.255.255.255", "224.0.0.1", "ff02::1"),
    ],
)
def test_a_rule_for_everywhere_does_not_mean_the_machine_itself(address: str) -> None:
    """Instance metadata, loopback and what is no destination are not what 0.0.0.0/0 and ::/0 are written for."""
    assert not egress([EVERYWHERE]).allows(ip_address(address), 80)


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("169.254.169.254/32", "169.254.169.254"),
        ("169.254.0.0/16", "::ffff:169.254.169.254"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("::1/128", "::1"),
        ("fd00:ec2::254/128", "fd00:ec2::254"),
    ],
)
def test_a_rule_that_names_the_range_means_it(rule: str, address: str) -> None:
    """The group says so: then it is allowed."""
    assert egress([{"to": rule, "ports": 80}]).allows(ip_address(address), 80)


@pytest.mark.parametrize("rule", ["0.0.0.0/32", "0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"])
def test_no_rule_allows_what_is_no_destination(rule: str) -> None:
    """Linux connects 0.0.0.0 to itself: whoever wrote that did not mean to."""
    judged = egress([{"to": rule, "ports": "all"}])

    assert not any(judged.allows(ip_address(text), 80) for text in ("0.0.0.0", "224.0.0.1", "255.255.255.255"))


@given(value=st.integers(0, 2**32 - 1), port=st.integers(0, 65535))
def test_ipv4_written_as_ipv6_is_judged_as_ipv4(value: int, port: int) -> None:
    """The kernel sends IPv4 packets to such addresses."""
    judged = egress([{"to": ["10.0.0.0/8", "127.0.0.0/9", "198.18.0.0/15"], "ports": "0-1023"}, EVERYWHERE])
    plain = ip_address(value)

    assert judged.allows(plain, port) is judged.allows(ip_address(f"::ffff:{plain}"), port)


def test_a_group_without_rules_allows_nothing() -> None:
    """What no rule allows is refused."""
    assert not egress([]).allows(ip_address("10.0.0.1"), 443)


def test_a_refusal_names_the_groups_the_address_and_the_port() -> None:
    """Whoever reads it knows what to change."""
    judged = egress([], [])

    assert judged.refusal("s3.example", [ip_address("10.0.0.1"), ip_address("fd00::1")], 443) == (
        "The security groups sg-0, sg-1 do not allow a connection to s3.example (10.0.0.1, fd00::1) at port 443."
    )
    assert egress([]).refusal("10.0.0.1", [ip_address("10.0.0.1")], 80) == (
        "The security group sg-0 does not allow a connection to 10.0.0.1 at port 80."
    )


def test_endpoints_and_names_are_those_of_the_first_subnet_that_has_them() -> None:
    """A private endpoint serves the whole VPC."""
    first = Subnet(id="a", endpoints={"s3": "http://a"}, hosts={"x": (ip_address("10.0.0.1"),)})
    second = Subnet(
        id="b",
        endpoints={"s3": "http://b", "kms": "http://k"},
        hosts={"x": (ip_address("10.0.0.2"),), "y": (ip_address("10.0.0.3"),)},
    )
    joined = egress([], subnets=(first, second))

    assert dict(joined.endpoints) == {"s3": "http://a", "kms": "http://k"}
    assert [joined.hosts(name) for name in ("x", "y", "z")] == [
        (ip_address("10.0.0.1"),),
        (ip_address("10.0.0.3"),),
        (),
    ]


def test_ids_that_are_not_known_are_named() -> None:
    """All of a kind at once."""
    known = read_networks({"subnets": {"subnet-1": {"direct": True}}, "security-groups": {"sg-1": {}}})

    with pytest.raises(NetworkUnknownError, match="The subnets subnet-2, subnet-3 are not in"):
        egress_of(known, Network(subnet_ids=("subnet-2", "subnet-1", "subnet-3"), security_group_ids=("sg-2",)))
    with pytest.raises(NetworkUnknownError, match="The security group sg-2 is not in"):
        egress_of(known, Network(subnet_ids=("subnet-1",), security_group_ids=("sg-2",)))
    assert egress_of(known, Network(subnet_ids=("subnet-1",), security_group_ids=("sg-1",))).subnets[0].id == "subnet-1"
