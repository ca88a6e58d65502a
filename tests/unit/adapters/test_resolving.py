"""Names are asked of the DNS server behind a subnet."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from tests.services.network_servers import Dns, running_dns

from outcrop.adapters.resolving import resolve
from outcrop.records import Subnet

PORT = 5353


@pytest.fixture
def served() -> Iterator[tuple[Dns, Subnet]]:
    """A DNS server on loopback, and the subnet that it is behind."""
    # An address of our own: no port of it is anybody else's.
    host = f"127.53.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    with running_dns(host, PORT) as dns:
        yield dns, Subnet(id="subnet-1", resolver=(ip_address(host), PORT), sources=(ip_address("127.7.7.7"),))


def test_all_addresses_of_both_families_are_returned(served: tuple[Dns, Subnet]) -> None:
    """Asked from the subnet's source address."""
    dns, subnet = served
    dns.addresses["s3.oc.test"] = ["10.0.0.1", "10.0.0.2", "fd00::1"]

    found = resolve("s3.oc.test", subnet)

    assert {str(address) for address in found} == {"10.0.0.1", "10.0.0.2", "fd00::1"}
    assert dns.asked == ["s3.oc.test A", "s3.oc.test AAAA"]
    assert dns.clients == {"127.7.7.7"}


def test_another_name_for_a_name_is_followed(served: tuple[Dns, Subnet]) -> None:
    """CNAME: private endpoints have them."""
    dns, subnet = served
    dns.aliases["s3.oc.test"] = "vpce-1.oc.test"
    dns.addresses["vpce-1.oc.test"] = ["10.0.0.1"]

    assert [str(address) for address in resolve("s3.oc.test", subnet)] == ["10.0.0.1"]


def test_a_name_that_is_not_there_is_an_error(served: tuple[Dns, Subnet]) -> None:
    """As the machine's resolver says it."""
    with pytest.raises(socket.gaierror, match=r"none\.oc\.test has no address"):
        resolve("none.oc.test", served[1])


def test_a_long_answer_is_asked_for_over_tcp(served: tuple[Dns, Subnet]) -> None:
    """A datagram holds only so much."""
    dns, subnet = served
    dns.addresses["s3.oc.test"] = [f"10.0.{index // 250}.{1 + index % 250}" for index in range(400)]

    assert len(resolve("s3.oc.test", subnet)) == 400


def test_a_server_that_fails_is_told(served: tuple[Dns, Subnet]) -> None:
    """SERVFAIL is not the same as no address."""
    dns, subnet = served
    dns.fails = True

    with pytest.raises(socket.gaierror, match="OSError from the DNS server of subnet-1"):
        resolve("s3.oc.test", subnet)


def test_without_a_server_this_machine_is_asked() -> None:
    """Both families where it has both."""
    assert ip_address("127.0.0.1") in resolve("localhost", None)
