"""`vpcConfig` in network namespaces of the test's own: an import goes the mapped way, and nowhere else.

    outcrop ──── 10.213.7.2, fd6b:213:7::2 ────▶ vpc       10.213.8.1, fd6b:213:8::1   S3, KMS, DNS, a proxy
            │                                     └─ inside 10.213.9.1                  S3 that only the proxy reaches
            └─── 10.213.7.3, fd6b:213:7::3 ────▶ elsewhere 10.213.8.1, fd6b:213:8::1   the same addresses, other S3

The second way is the machine's ordinary one: whatever does not go by the subnet arrives elsewhere, and is seen there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import make_llama
from tests.contract.kms_server import Kms, running_kms
from tests.contract.sts_server import SERVER_KEY, SERVER_SECRET, Role, Sts, running_sts
from tests.e2e.servers import ROLE, RunningServer, running_server
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3
from tests.services.namespaces import Watch, address, entered, link, missing, namespace, routes, watched
from tests.services.network_servers import Dns, running_dns, running_proxy

pytestmark = pytest.mark.skipif((lack := missing()) is not None, reason=str(lack))

WAIT_S = 120.0
S3, S3_6, INSIDE, ASTRAY = "10.213.8.1", "fd6b:213:8::1", "10.213.9.1", "10.213.8.66"
ENGINE_PORT = 8100
"""The namespace is ours alone, and so are its ports."""
METADATA = "169.254.169.254"
BOTH = [f"{S3}/32", f"{S3_6}/128"]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": SERVER_KEY, "AWS_SECRET_ACCESS_KEY": SERVER_SECRET, "AWS_REGION": "us-east-1"}


@dataclass(frozen=True, kw_only=True)
class World:
    """The namespaces, what runs in them, and what arrives."""

    outcrop: str
    vpc: str
    s3: FaultyS3
    s3_6: FaultyS3
    other: FaultyS3
    kms: Kms
    kms_url: str
    sts: Sts
    sts_url: str
    device: str
    dns: Dns
    proxied: list[str]
    inside_url: str
    proxy_port: int
    in_vpc: Watch
    elsewhere: Watch


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Everything but Outcrop."""
    with ExitStack() as stack:
        outcrop, vpc, elsewhere = (stack.enter_context(namespace(label)) for label in ("out", "vpc", "else"))
        ours, theirs = link(outcrop, vpc)
        address(outcrop, ours, "10.213.7.2", "fd6b:213:7::2")
        address(vpc, theirs, S3, S3_6, ASTRAY, METADATA)
        address(vpc, "lo", INSIDE)
        ordinary, other = link(outcrop, elsewhere)
        address(outcrop, ordinary, "10.213.7.3", "fd6b:213:7::3")
        address(elsewhere, other, S3, S3_6, ASTRAY, METADATA)
        destinations = [f"{S3}/32", f"{ASTRAY}/32", f"{METADATA}/32"]
        routes(outcrop, ordinary, to=destinations, source="10.213.7.3")
        routes(outcrop, ordinary, to=[f"{S3_6}/128"], source="fd6b:213:7::3")
        routes(outcrop, ours, to=destinations, source="10.213.7.2", table=100)
        routes(outcrop, ours, to=[f"{S3_6}/128"], source="fd6b:213:7::2", table=100)
        # For who insists on the device; of two routes the one of the lower metric is the ordinary one.
        routes(outcrop, ours, to=[f"{S3}/32"], source="10.213.7.2", metric=500)
        routes(vpc, theirs, to=["10.213.7.2/32"], source=S3)
        routes(vpc, theirs, to=["fd6b:213:7::2/128"], source=S3_6)
        routes(elsewhere, other, to=["10.213.7.3/32"], source=S3)
        routes(elsewhere, other, to=["fd6b:213:7::3/128"], source=S3_6)
        with entered(vpc):
            s3 = stack.enter_context(faulty_s3(["models"], host=S3, port=9000))
            s3_6 = stack.enter_context(faulty_s3(["models"], host=S3_6, port=9000))
            inside = stack.enter_context(faulty_s3(["models"], host=INSIDE, port=9000))
            kms, kms_url = stack.enter_context(running_kms(host=S3))
            sts, sts_url = stack.enter_context(running_sts(host=S3))
            dns_server = stack.enter_context(running_dns(S3))
            proxied = stack.enter_context(running_proxy(S3, 3128))
        with entered(elsewhere):
            another = stack.enter_context(faulty_s3(["others"], host=S3, port=9000))
        with entered(outcrop):
            stack.enter_context(running_engine())
        inside.buckets = s3_6.buckets = s3.buckets
        yield World(
            outcrop=outcrop,
            vpc=vpc,
            s3=s3,
            s3_6=s3_6,
            other=another,
            kms=kms,
            kms_url=kms_url,
            sts=sts,
            sts_url=sts_url,
            device=ours,
            dns=dns_server,
            proxied=proxied,
            inside_url=inside.url,
            proxy_port=3128,
            in_vpc=stack.enter_context(watched(vpc, theirs)),
            elsewhere=stack.enter_context(watched(elsewhere, other)),
        )


@pytest.fixture(scope="module")
def model(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, uploaded to every S3 of the VPC."""
    folder = make_llama(tmp_path_factory.mktemp("model") / "llama")
    for path in folder.iterdir():
        world.s3.put("models", f"good/{path.name}", path.read_bytes())
    return folder


@contextmanager
def running_engine() -> Iterator[None]:
    """An engine, in the namespace of the calling thread."""
    command = [sys.executable, "-m", "benchmarks.null_server", str(ENGINE_PORT), "0"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        _await(lambda: process.poll() is not None or _listens(ENGINE_PORT))
        yield
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def networks_file(folder: Path, world: World) -> Path:
    """What the subnets and groups of these tests mean."""
    source = ["10.213.7.2", "fd6b:213:7::2"]
    kms = {"kms": world.kms_url, "sts": world.sts_url}
    subnets: dict[str, Mapping[str, Any]] = {
        "subnet-v4": {"source": source, "endpoints": {"s3": world.s3.url, **kms}},
        "subnet-device": {"device": world.device, "endpoints": {"s3": world.s3.url}},
        "subnet-v6": {"source": source, "endpoints": {"s3": world.s3_6.url, **kms}},
        "subnet-named": {
            "source": source,
            "resolver": S3,
            "endpoints": {"s3": "http://s3.oc.test:9000", **kms},
        },
        "subnet-proxy": {
            "source": source,
            "proxy": f"http://{S3}:{world.proxy_port}",
            "endpoints": {"s3": world.inside_url},
        },
        "subnet-metadata": {"source": source, "endpoints": {"s3": f"http://{METADATA}:9000"}},
        "subnet-unplugged": {"source": "10.213.7.99"},
    }
    groups = {
        "sg-store": [{"to": BOTH, "ports": [9000]}],
        "sg-services": [{"to": f"{S3}/32", "ports": "1024-65535"}],
        "sg-inside": [{"to": f"{INSIDE}/32", "ports": [9000]}],
        "sg-everywhere": [{"to": ["0.0.0.0/0", "::/0"], "ports": "all"}],
        "sg-https": [{"to": ["0.0.0.0/0", "::/0"], "ports": [443]}],
    }
    path = folder / "networks.json"
    document = {"subnets": subnets, "security-groups": {name: {"egress": rules} for name, rules in groups.items()}}
    path.write_text(json.dumps(document))
    return path


def environment(folder: Path, world: World) -> dict[str, str]:
    """Of a server whose S3 is found by address, so by path; names get paths too."""
    config = folder / "aws-config"
    config.write_text("[default]\ns3 =\n  addressing_style = path\n")
    return {
        **CREDENTIALS,
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL_S3": world.other.url,
        "AWS_ENDPOINT_URL_KMS": world.kms_url,
        "AWS_ENDPOINT_URL_STS": world.sts_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def outcrop_in(world: World, folder: Path, *flags: str, is_killed: bool = False) -> Iterator[RunningServer]:
    """A server in its namespace, which the calling thread has left again."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        with entered(world.outcrop):
            server = stack.enter_context(
                running_server(
                    folder / "data",
                    *("--networks", str(networks_file(folder, world)), "--engine", f"http://127.0.0.1:{ENGINE_PORT}"),
                    *("--outage-s", "0", *(flags or ("--roles", "ambient"))),
                    environment=environment(folder, world),
                    is_killed=is_killed,
                )
            )
        yield server


@pytest.fixture(scope="module")
def one_server(world: World, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the local keyring, for all tests."""
    assert model.is_dir()
    with outcrop_in(world, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def server(world: World, one_server: RunningServer) -> Iterator[RunningServer]:
    """That server, where it can be reached."""
    with entered(world.outcrop):
        yield one_server


def vpc_config(*ids: str) -> dict[str, list[str]]:
    """A vpcConfig of subnets and groups, told apart by their names."""
    return {
        "subnetIds": [item for item in ids if item.startswith("subnet-")],
        "securityGroupIds": [item for item in ids if item.startswith("sg-")],
    }


def imported(server: RunningServer, name: str, *ids: str, **more: Any) -> dict[str, Any]:
    """An import by a network, at its end."""
    return server.ended(server.create_import(name, "s3://models/good/", vpcConfig=vpc_config(*ids), **more))


def forget(world: World) -> None:
    """Begins to watch anew."""
    for watch in (world.in_vpc, world.elsewhere):
        watch.packets.clear()


@pytest.mark.parametrize("subnet", ["subnet-v4", "subnet-v6", "subnet-device"])
def test_an_import_goes_by_its_subnet_and_no_packet_goes_elsewhere(
    server: RunningServer, world: World, subnet: str
) -> None:
    """The bucket is reached by the subnet's source address or device only; the same address elsewhere sees nothing."""
    forget(world)

    ended = imported(server, f"by-{subnet}", subnet, "sg-store")

    assert ended["status"] == "Completed", ended
    assert ended["vpcConfig"] == vpc_config(subnet, "sg-store")
    _await(lambda: world.in_vpc.about(S3_6 if subnet == "subnet-v6" else S3))
    assert world.elsewhere.opened == []


def test_without_a_network_the_machines_ordinary_way_is_taken(server: RunningServer, world: World) -> None:
    """What the other tests do not see elsewhere would be seen."""
    forget(world)

    ended = server.ended(server.create_import("ordinary", "s3://models/good/"))

    assert ended["status"] == "Failed"
    assert "The bucket models does not exist" in ended["failureMessage"]
    assert "vpcConfig" not in ended
    _await(lambda: world.elsewhere.opened)
    assert world.in_vpc.opened == []


def test_what_the_groups_do_not_allow_is_refused_before_a_packet_leaves(server: RunningServer, world: World) -> None:
    """Neither the bucket nor anything else sees one; the job says which group, address and port."""
    forget(world)

    ended = imported(server, "refused", "subnet-v4", "sg-https", "sg-inside")

    assert ended["status"] == "Failed"
    assert ended["failureMessage"] == (
        f"The security groups sg-https, sg-inside do not allow a connection to {S3} at port 9000."
    )
    assert world.in_vpc.opened == []
    assert world.elsewhere.opened == []


def test_instance_metadata_is_not_reached(server: RunningServer, world: World) -> None:
    """Not even by a group that allows everything."""
    forget(world)

    ended = imported(server, "metadata", "subnet-metadata", "sg-everywhere")

    assert ended["failureMessage"] == (
        f"The security group sg-everywhere does not allow a connection to {METADATA} at port 9000."
    )
    assert world.in_vpc.about(METADATA) == []
    assert world.elsewhere.about(METADATA) == []


def test_a_bucket_behind_a_proxy(server: RunningServer, world: World) -> None:
    """Only the proxy reaches it, and is asked for an address."""
    forget(world)

    ended = imported(server, "proxied", "subnet-proxy", "sg-inside")

    assert ended["status"] == "Completed", ended
    assert set(world.proxied) == {f"{INSIDE}:9000"}
    assert world.elsewhere.opened == []


def test_what_cannot_be_used_is_refused_at_once(server: RunningServer) -> None:
    """ValidationException with the id: unknown, named twice, or of no use on this machine."""
    for ids, message in (
        (("subnet-none", "sg-store"), "subnet subnet-none is not in this server's networks file"),
        (("subnet-v4", "sg-none"), "security group sg-none is not in this server's networks file"),
        (("subnet-v4", "subnet-v4", "sg-store"), "vpcConfig.subnetIds names subnet-v4 twice"),
        (("subnet-unplugged", "sg-store"), "subnet subnet-unplugged is of no use on this machine"),
        ((*(f"subnet-{index}" for index in range(17)), "sg-store"), "less than or equal to 16"),
    ):
        with pytest.raises(ClientError, match=message) as refused:
            imported(server, "never", *ids)
        assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_keys_and_roles_are_reached_by_the_subnet_too(world: World, model: Path, tmp_path: Path) -> None:
    """KMS and STS are in the VPC alone: at create, while importing, for the proof, and for every later load."""
    assert model.is_dir()
    key = world.kms.make_key()
    world.sts.roles[ROLE] = Role()
    flags = ("--keys", "kms", "--kms-key", world.kms.make_key(), "--roles", "sts")
    with outcrop_in(world, tmp_path / "kms", *flags) as server, entered(world.outcrop):
        forget(world)
        with pytest.raises(ClientError, match="The security group sg-store does not allow a connection"):
            imported(server, "unkeyed", "subnet-v4", "sg-store", importedModelKmsKeyId=key)
        assert world.in_vpc.opened == []
        assert world.sts.sessions == []

        ended = imported(server, "keyed", "subnet-v4", "sg-store", "sg-services", importedModelKmsKeyId=key)

        assert ended["status"] == "Completed", ended
        assert ended["importedModelKmsKeyArn"] == key
        assert len(world.sts.sessions) >= 2
    with outcrop_in(world, tmp_path / "kms", *flags) as server, entered(world.outcrop):
        forget(world)
        reply = server.client("bedrock-runtime").invoke_model(
            modelId=ended["importedModelArn"], body=json.dumps({"prompt": "a", "max_tokens": 4})
        )
        assert json.loads(reply["body"].read())["choices"]

    assert world.elsewhere.opened == []
    assert {operation for operation, _ in world.kms.asked} >= {"DescribeKey", "GenerateDataKey", "Decrypt"}


def test_a_name_leads_where_it_led_also_for_who_takes_over(world: World, model: Path, tmp_path: Path) -> None:
    """The name is rebound while the copy runs, and the server is killed: the next goes on at the first address."""
    assert model.is_dir()
    world.dns.addresses["s3.oc.test"] = [S3]
    with outcrop_in(world, tmp_path / "named", is_killed=True) as server, entered(world.outcrop):
        # What the checks read is less than the half of the weights.
        weights = (model / "model.safetensors").stat().st_size
        world.s3.faults_from_bytes, world.s3.fault_for_all = weights // 2, Fault.STALL
        sent = world.s3.bytes_sent
        job = server.create_import("named", "s3://models/good/", vpcConfig=vpc_config("subnet-named", "sg-everywhere"))
        _await(lambda: world.s3.bytes_sent >= sent + weights // 2)
        world.dns.addresses["s3.oc.test"] = [ASTRAY]
    world.s3.fault_for_all = Fault.NONE
    assert set(world.dns.asked) == {"s3.oc.test A", "s3.oc.test AAAA"}
    world.dns.asked.clear()
    forget(world)

    with outcrop_in(world, tmp_path / "named") as server, entered(world.outcrop):
        ended = server.ended(job)

        assert ended["status"] == "Completed", ended
        _await(lambda: world.in_vpc.opened)
        assert world.in_vpc.about(ASTRAY) == []
        assert world.dns.asked == []
        # Another job with the same name asks anew, and is led to where nobody answers.
        astray = imported(server, "rebound", "subnet-named", "sg-everywhere")
        assert astray["status"] == "Failed"
        _await(lambda: world.in_vpc.about(ASTRAY))
        assert set(world.dns.asked) == {"s3.oc.test A", "s3.oc.test AAAA"}

    assert world.elsewhere.opened == []


def _await(is_so: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
