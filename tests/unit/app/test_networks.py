"""From the networks file to connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from outcrop.adapters.keys_networked import NetworkedKeys
from outcrop.adapters.outbound import Outbound
from outcrop.app.networks import ServerNetworks, load_networks
from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.artifact.keywrap import encryption_context
from outcrop.cli import cli
from outcrop.errors import KeyUnavailableError, NetworkRefusedError, NetworkUnknownError, SettingError
from outcrop.records import DataKey, Network, NetworkUse
from outcrop.testing.keys import FakeKeyService
from outcrop.testing.networks import FakeNetworkCatalog

ROOT = Path(__file__).parents[3]
NETWORK = Network(subnet_ids=("subnet-1",), security_group_ids=("sg-1",))
MODEL = Arn(tenant=Tenant(account="000000000000", region="us-east-1"), kind=ResourceKind.MODEL, id="model0000001")


def written(path: Path, **subnet: Any) -> Path:
    """A file of one subnet and one group."""
    document = {"subnets": {"subnet-1": subnet or {"direct": True}}, "security-groups": {"sg-1": {}}}
    path.write_text(json.dumps(document))
    return path


def networks(path: Path | None, *, is_worker: bool = True, keys_by: Any = None) -> ServerNetworks:
    """What a server knows by a file."""
    return ServerNetworks(
        load_networks(path), FakeNetworkCatalog(), keys=FakeKeyService(), keys_by=keys_by, is_worker=is_worker
    )


def test_the_example_is_what_the_page_shows() -> None:
    """examples/networks.toml is in docs/networks.md, and can be read."""
    example = ROOT / "examples" / "networks.toml"

    known = load_networks(example)

    assert f"```toml\n{example.read_text()}```" in (ROOT / "docs" / "networks.md").read_text()
    assert known is not None
    assert {*known.subnets, *known.groups} == {
        *("subnet-0a1b2c3d", "subnet-0e5f6a7b", "subnet-here"),
        *("sg-0a1b", "sg-https"),
    }


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("n.toml", "[subnets", "n.toml: Expected"),
        ("n.json", "{", "n.json: Expecting"),
        ("n.json", "[]", "n.json: the file: is a table"),
        ("n.toml", "subnets = {}", "n.toml: the file must name at least one"),
        ("n.toml", '[subnets.a]\nsource = "x"', "n.toml: subnets.a.source: 'x' does not appear"),
    ],
)
def test_a_file_that_cannot_work_stops_the_start(tmp_path: Path, name: str, text: str, message: str) -> None:
    """With the setting, the file and the entry."""
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(SettingError, match=r"^--networks: ") as refused:
        load_networks(path)

    assert message in str(refused.value)


def test_without_a_file_every_network_is_refused_with_what_to_do() -> None:
    """To ignore it would send the import over a network that nobody chose."""
    with pytest.raises(NetworkUnknownError, match=r"The subnet subnet-1 is unknown: .*--networks FILE"):
        networks(None).require(NETWORK)


def test_a_subnet_that_this_machine_does_not_have_is_refused_where_imports_run(tmp_path: Path) -> None:
    """A server without a worker leaves it to the workers' machines."""
    path = written(tmp_path / "n.json", source="198.51.100.77")

    with pytest.raises(NetworkUnknownError, match="subnet subnet-1 is of no use on this machine: the source"):
        networks(path).require(NETWORK)
    networks(path, is_worker=False).require(NETWORK)


def test_the_command_shows_what_a_file_means(tmp_path: Path) -> None:
    """And exits with 1 where a subnet cannot be used here, with a mistake told by its entry."""
    run = CliRunner()

    good = run.invoke(cli, ["networks", str(written(tmp_path / "a.json", source="127.0.0.1", device="lo"))])
    bad = run.invoke(cli, ["networks", str(written(tmp_path / "b.json", source="198.51.100.77"))])
    wrong = run.invoke(cli, ["networks", str(written(tmp_path / "c.json", source="x"))])

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert good.output.splitlines() == ["subnet-1  from 127.0.0.1, by the device lo", "sg-1  allows nothing"]
    assert "of no use on this machine: the source address 198.51.100.77" in bad.output
    assert isinstance(wrong.exception, SettingError)


class Keys(FakeKeyService):
    """Keys that tell which way they were asked by."""

    def __init__(self, name: str, told: list[str], error: Exception | None = None) -> None:
        super().__init__()
        self._name, self._told, self._error = name, told, error

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Tells."""
        self._told.append(self._name)
        if self._error is not None:
            raise self._error
        return DataKey(plaintext=key_arn.encode(), wrapped=str(context).encode())


@pytest.mark.anyio
@pytest.mark.parametrize("has_ended", [False, True])
async def test_a_models_key_is_reached_by_the_network_of_its_import(*, has_ended: bool) -> None:
    """Models whose imports named none: by the server's own way."""
    told: list[str] = []
    catalog = FakeNetworkCatalog()
    use = NetworkUse(network=NETWORK, job_id="job000000001", has_ended=has_ended)
    keys = NetworkedKeys(Keys("own", told), catalog, lambda asked: Keys(f"of {asked.job_id}", told))

    await keys.generate_data_key("k", encryption_context(str(MODEL)))
    catalog.uses[MODEL.id] = use
    await keys.generate_data_key("k", encryption_context(str(MODEL)))

    assert told == ["own", "of job000000001"]


@pytest.mark.anyio
@pytest.mark.parametrize("error", [NetworkRefusedError("sg-1 does not"), NetworkUnknownError("subnet", ["subnet-1"])])
async def test_a_key_that_no_network_leads_to_is_a_key_that_cannot_be_used(error: Exception) -> None:
    """A load knows no other errors."""
    catalog = FakeNetworkCatalog()
    catalog.uses[MODEL.id] = NetworkUse(network=NETWORK, job_id="job000000001", has_ended=True)
    keys = NetworkedKeys(FakeKeyService(), catalog, lambda _: Keys("far", [], error))

    with pytest.raises(KeyUnavailableError, match="The key k cannot be reached: "):
        await keys.generate_data_key("k", encryption_context(str(MODEL)))


def test_names_are_kept_for_a_job_until_it_has_ended(tmp_path: Path) -> None:
    """For a request, and for loads, they are resolved for it alone."""
    ways: list[Outbound] = []
    catalog = FakeNetworkCatalog()
    path = tmp_path / "n.json"
    path.write_text(
        json.dumps(
            {
                "subnets": {"subnet-1": {"direct": True, "hosts": {"kms.test": "127.0.0.1"}}},
                "security-groups": {"sg-1": {"egress": [{"to": "127.0.0.1/32", "ports": 9}]}},
            }
        )
    )
    server = ServerNetworks(
        load_networks(path),
        catalog,
        keys=FakeKeyService(),
        keys_by=lambda way: ways.append(way) or FakeKeyService(),  # type: ignore[func-returns-value]  # both
        is_worker=True,
    )
    server.keys(NETWORK)
    for has_ended in (True, False):
        server.keys_of(NetworkUse(network=NETWORK, job_id=f"job-{has_ended}", has_ended=has_ended))
    for way in ways:
        assert way.dial is not None
        with pytest.raises(OSError, match="refused"):
            way.dial("kms.test", 9, 9.0)

    assert catalog.pins == {("job-False", "kms.test"): ("127.0.0.1",)}
