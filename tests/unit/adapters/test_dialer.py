"""The connections of imports with a `vpcConfig`: real sockets on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from outcrop.adapters.dialer import Dialer, unusable
from outcrop.errors import NetworkRefusedError, UnavailableError
from outcrop.imports.egress import Egress
from outcrop.imports.network_file import read_networks
from outcrop.records import IpAddress, Subnet
from outcrop.testing.networks import FakeNetworkCatalog

WAIT_S = 60.0


@contextmanager
def listening(host: str = "127.0.0.1", *, answer: bytes = b"") -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """Listens; gives the port, and from where each connection came with the first that it said."""
    came: list[tuple[str, bytes]] = []
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, where = listener.accept()
                except OSError:
                    return
                with connection:
                    said = connection.recv(4096) if answer else b""
                    came.append((where[0], said))
                    connection.sendall(answer or b"hello")

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1], came
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def greeted(connection: socket.socket) -> None:
    """Returns once the other side has taken the connection."""
    with connection:
        assert connection.recv(5) == b"hello"


class Names:
    """A resolver under the test's control."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self.addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, name: str, subnet: Subnet | None) -> Sequence[IpAddress]:
        """Answers."""
        self.asked.append((name, None if subnet is None else subnet.id))
        if name not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "none")
        return [ip_address(text) for text in self.addresses[name]]


def dialer(
    *subnets: Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]] = ({"to": ["127.0.0.0/8", "::1/128"], "ports": "all"},),
    names: Names | None = None,
    catalog: FakeNetworkCatalog | None = None,
) -> Dialer:
    """A dialer of the job `j` with these subnets and one group."""
    ways = subnets or ({"direct": True},)
    known = read_networks(
        {
            "subnets": {f"subnet-{index}": way for index, way in enumerate(ways)},
            "security-groups": {"sg-1": {"egress": list(rules)}},
        }
    )
    egress = Egress(subnets=tuple(known.subnets.values()), groups=tuple(known.groups.values()))
    return Dialer(egress, pin=partial((catalog or FakeNetworkCatalog()).pin, "j"), resolve=names or Names())


def test_a_connection_comes_from_the_source_address_of_its_subnet() -> None:
    """The whole of 127.0.0.0/8 is this machine's."""
    with listening() as (port, came), closing(dialer({"source": "127.9.8.7"})("127.0.0.1", port, WAIT_S)) as made:
        said = made.recv(5)

    assert said == b"hello"
    assert came == [("127.9.8.7", b"")]


def test_what_the_groups_do_not_allow_is_not_connected() -> None:
    """The message names the group, the address and the port; nothing arrives."""
    with listening() as (port, came):
        dial = dialer(rules=[{"to": "127.0.0.1/32", "ports": port + 1 if port < 65535 else 1}])
        with pytest.raises(NetworkRefusedError) as refused:
            dial("127.0.0.1", port, WAIT_S)

    assert refused.value.message == (
        f"The security group sg-1 does not allow a connection to 127.0.0.1 at port {port}."
    )
    assert came == []


def test_a_name_is_not_asked_for_in_vain() -> None:
    """Where no rule has the port, also the question is a packet too many."""
    names = Names(s3_test=["127.0.0.1"])
    dial = dialer(rules=[{"to": "0.0.0.0/0", "ports": [443]}], names=names)

    with pytest.raises(NetworkRefusedError, match=r"does not allow a connection to s3\.test at port 80\."):
        dial("s3.test", 80, WAIT_S)

    assert names.asked == []


def test_of_a_names_addresses_only_the_allowed_are_connected() -> None:
    """A name with a second address does not lead there, wherever in the answer it stands."""
    with listening() as (port, came):
        names = Names(s3_test=["127.0.0.2", "127.0.0.1", "::1"])
        dial = dialer(rules=[{"to": "127.0.0.1/32", "ports": port}], names=names)
        greeted(dial("s3.test", port, WAIT_S))

    assert [where for where, _ in came] == ["127.0.0.1"]


@pytest.mark.parametrize("written", ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]"])
def test_an_address_is_judged_however_it_is_written(written: str) -> None:
    """IPv4 as IPv6 included."""
    with listening() as (port, came):
        with pytest.raises(NetworkRefusedError, match=r"to .*127\.0\.0\.1.* at port"):
            dialer(rules=[{"to": "::/0", "ports": "all"}])(written, port, WAIT_S)
        greeted(dialer()(written, port, WAIT_S))

    assert len(came) == 1


@pytest.mark.parametrize("written", ["2130706433", "0x7f.1", "localhost", "0.0.0.0", "::"])
def test_other_forms_of_this_machine_are_not_allowed_by_a_rule_for_everywhere(written: str) -> None:
    """What is judged is what the resolver makes of it."""
    names = Names()
    names.addresses = {name: ["127.0.0.1"] for name in ("2130706433", "0x7f.1", "localhost")}

    with pytest.raises(NetworkRefusedError):
        dialer(rules=[{"to": ["0.0.0.0/0", "::/0"], "ports": "all"}], names=names)(written, 80, WAIT_S)


def test_a_name_is_resolved_once_and_kept_for_the_job() -> None:
    """Rebinding: what the name says later counts neither for this dialer nor for another worker's."""
    catalog = FakeNetworkCatalog()
    names = Names(s3_test=["127.0.0.1"])
    with listening() as (port, came), listening("127.0.0.2") as (other, strayed):
        greeted(dialer(names=names, catalog=catalog)("S3.test.", port, WAIT_S))
        names.addresses["s3.test"] = ["127.0.0.2"]
        taken_over = dialer(names=names, catalog=catalog)
        greeted(taken_over("s3.test", port, WAIT_S))
        with pytest.raises(OSError, match="refused"):
            taken_over("s3.test", other, WAIT_S)

    assert (len(came), strayed) == (2, [])
    assert names.asked == [("s3.test", None)]
    assert catalog.pins == {("j", "s3.test"): ("127.0.0.1",)}


def test_of_two_workers_that_resolve_at_once_the_first_to_keep_counts() -> None:
    """Both go on to the same address."""
    catalog = FakeNetworkCatalog()

    class Late(Names):
        def __call__(self, name: str, subnet: Subnet | None) -> Sequence[IpAddress]:
            catalog.pin("j", name, ["127.0.0.1"])
            return super().__call__(name, subnet)

    with listening() as (port, came):
        greeted(dialer(names=Late(s3_test=["127.0.0.2"]), catalog=catalog)("s3.test", port, WAIT_S))

    assert len(came) == 1


def test_names_of_the_file_are_not_asked_for() -> None:
    """`hosts` of a subnet."""
    names = Names()
    with listening() as (port, came):
        greeted(dialer({"direct": True, "hosts": {"s3.test": "127.0.0.1"}}, names=names)("s3.test", port, WAIT_S))

    assert (len(came), names.asked) == (1, [])


def test_a_subnets_own_dns_server_is_asked() -> None:
    """The first that has one."""
    names = Names(s3_test=["127.0.0.1"])
    with listening() as (port, _):
        greeted(
            dialer({"direct": True}, {"direct": True, "resolver": "127.0.0.53"}, names=names)("s3.test", port, WAIT_S)
        )

    assert names.asked == [("s3.test", "subnet-1")]


def test_a_subnet_that_leads_nowhere_gives_way_to_the_next() -> None:
    """And the one that led somewhere is taken at once from then on."""
    with listening() as (port, came), closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        dead = closed.getsockname()[1]
        # The proxy is there and does not listen.
        dial = dialer({"proxy": f"http://127.0.0.1:{dead}"}, {"source": "127.5.5.5"})
        for _ in range(2):
            greeted(dial("127.0.0.1", port, WAIT_S))

    assert [where for where, _ in came] == ["127.5.5.5", "127.5.5.5"]


def test_a_subnet_without_a_source_of_the_family_is_not_taken() -> None:
    """IPv4 must not go out over whatever address the machine has."""
    with listening() as (port, came), pytest.raises(NetworkRefusedError, match="No subnet of subnet-0 has a source"):
        dialer({"source": "::1"})("127.0.0.1", port, WAIT_S)

    assert came == []


def test_a_proxy_is_asked_for_the_address_and_not_for_the_name() -> None:
    """What was judged is what it connects to."""
    names = Names(s3_test=["127.0.0.3"])
    with listening(answer=b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello") as (port, came):
        proxied = {"proxy": f"http://ana:p%40ss@127.0.0.1:{port}", "source": "127.4.4.4"}
        with closing(dialer(proxied, names=names)("s3.test", 443, WAIT_S)) as made:
            said = made.recv(5)

    assert said == b"hello"
    (where, asked) = came[0]
    assert where == "127.4.4.4"
    assert asked == (
        b"CONNECT 127.0.0.3:443 HTTP/1.1\r\nHost: 127.0.0.3:443\r\nProxy-Authorization: Basic YW5hOnBAc3M=\r\n\r\n"
    )


def test_a_proxy_that_refuses_is_told() -> None:
    """As something that is away: its rules may change."""
    with (
        listening(answer=b"HTTP/1.1 403 Forbidden\r\n\r\n") as (port, _),
        pytest.raises(UnavailableError, match=r"subnet-0 is not available: it answered 403 to CONNECT \[::1\]:443"),
    ):
        dialer({"proxy": f"http://127.0.0.1:{port}"})("::1", 443, WAIT_S)


def test_a_proxy_is_not_asked_for_what_the_groups_do_not_allow() -> None:
    """The groups are about what is beyond it."""
    with listening(answer=b"HTTP/1.1 200 OK\r\n\r\n") as (port, came), pytest.raises(NetworkRefusedError):
        dialer({"proxy": f"http://127.0.0.1:{port}"})("169.254.169.254", 80, WAIT_S)

    assert came == []


def test_a_subnet_says_why_it_is_of_no_use_here() -> None:
    """Without sending anything."""
    known = read_networks(
        {
            "subnets": {
                "good": {"source": ["127.0.0.1", "::1"]},
                "direct": {"direct": True},
                "elsewhere": {"source": "198.51.100.77"},
                "unplugged": {"device": "oc-none0"},
            },
            "security-groups": {"sg-1": {}},
        }
    )
    reasons = {name: unusable(subnet) for name, subnet in known.subnets.items()}

    assert reasons["good"] is None
    assert reasons["direct"] is None
    assert "the source address 198.51.100.77 cannot be used" in str(reasons["elsewhere"])
    assert "the device oc-none0 cannot be used" in str(reasons["unplugged"])
