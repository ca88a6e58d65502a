"""The network that a caller names for an import, and what CreateModelImportJob says of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.api.services import call, create_job, sample_services

from outcrop.api.import_jobs import get_model_import_job
from outcrop.api.services import Services
from outcrop.arn import Tenant
from outcrop.errors import NetworkRefusedError, ValidationError
from outcrop.records import Network
from outcrop.testing.keys import FakeKeyService
from outcrop.testing.networks import FakeNetworks

pytestmark = pytest.mark.anyio

SUBNETS, GROUPS = ("subnet-1", "subnet-2"), ("sg-1", "sg-2")


class FarKeys(FakeKeyService):
    """Keys that no security group leads to."""

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Does not come through."""
        raise NetworkRefusedError(f"The security group sg-1 does not allow {key_id} of {tenant.account}.")


async def create(services: Services, subnets: Sequence[str] | None, groups: Sequence[str] = (), **more: str) -> str:
    """Creates an import by a network; returns the job's ARN."""
    config = {} if subnets is None else {"vpcConfig": {"subnetIds": list(subnets), "securityGroupIds": list(groups)}}
    return await create_job(services, **config, **more)


@pytest.fixture
def services() -> Services:
    """Services that know two subnets and two groups."""
    return sample_services(networks=FakeNetworks(*SUBNETS, *GROUPS))


async def test_a_network_is_answered_as_it_was_given(services: Services) -> None:
    """In its order, and kept with the job."""
    job = await create(services, ("subnet-2", "subnet-1"), ("sg-2",))

    described = (await get_model_import_job(call("GetModelImportJob", jobIdentifier=job), services)).output

    assert described["vpcConfig"] == {"subnetIds": ["subnet-2", "subnet-1"], "securityGroupIds": ["sg-2"]}
    assert (await services.jobs.get(None, job.rpartition("/")[2])).request.network == Network(
        subnet_ids=("subnet-2", "subnet-1"), security_group_ids=("sg-2",)
    )


async def test_without_a_network_none_is_answered(services: Services) -> None:
    """AWS leaves such members out."""
    job = await create(services, None)

    assert (
        "vpcConfig" not in (await get_model_import_job(call("GetModelImportJob", jobIdentifier=job), services)).output
    )


@pytest.mark.parametrize(
    ("subnets", "groups", "message"),
    [
        (("subnet-9",), ("sg-1",), "The vpcConfig cannot be used: The subnet subnet-9 is not in"),
        (("subnet-1",), ("sg-9", "sg-8"), "The vpcConfig cannot be used: The security groups sg-9, sg-8 are not in"),
        (("subnet-1", "subnet-2", "subnet-1"), ("sg-1",), "The vpcConfig.subnetIds names subnet-1 twice"),
        (("subnet-1",), ("sg-1", "sg-1"), "The vpcConfig.securityGroupIds names sg-1 twice"),
    ],
)
async def test_what_means_nothing_is_refused(
    services: Services, subnets: Sequence[str], groups: Sequence[str], message: str
) -> None:
    """With its id; no job is made."""
    with pytest.raises(ValidationError) as refused:
        await create(services, subnets, groups)

    assert refused.value.message.startswith(message)
    assert await services.jobs.unfinished() == []


async def test_the_key_is_asked_by_the_network() -> None:
    """Not by the server's own way: what the groups do not allow is the request's mistake."""
    services = sample_services(networks=FakeNetworks("subnet-1", "sg-1", keys=FarKeys()))

    with pytest.raises(
        ValidationError, match="The vpcConfig does not lead to the key service: The security group sg-1"
    ):
        await create(services, ("subnet-1",), ("sg-1",), importedModelKmsKeyId="alias/a")
