"""Which resource a call is about, and what its caller may do with it."""

from typing import Any

import pytest
from tests.samples import TENANT, sample_job

from outcrop.access.actions import OPERATIONS
from outcrop.access.policy import Policy, parse
from outcrop.api.calls import Call
from outcrop.api.permissions import Permissions
from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import AccessDeniedError, ValidationError
from outcrop.records import Caller, Tag
from outcrop.testing.catalog import FakeCatalog
from outcrop.wire.service import SERVICES

pytestmark = pytest.mark.anyio

ANA = "arn:aws:iam::000000000000:user/ana"
JOB = sample_job()
FOREIGN = JOB.arn.replace(TENANT.account, "111111111111")


def permissions(*statements: dict[str, Any], catalog: FakeCatalog | None = None) -> Permissions:
    """Those of ana, who has this policy."""
    known = catalog or FakeCatalog()
    policies: tuple[Policy, ...] = (parse({"Version": "2012-10-17", "Statement": list(statements)}),)
    return Permissions(
        policies_of={ANA: policies, "root": None}.get, jobs=known.jobs, models=known.models, tags=known.tags
    )


def statement(action: str, resource: str = "*", effect: str = "Allow", **condition: dict[str, str]) -> dict[str, Any]:
    """One statement of a policy."""
    made: dict[str, Any] = {"Effect": effect, "Action": action, "Resource": resource}
    return made | ({"Condition": condition} if condition else {})


def call(operation: str, arn: str = ANA, tenant: Tenant = TENANT, **params: Any) -> Call:
    """A call of ana's."""
    caller = Caller(principal_arn=arn, tenant=tenant, request_id="1", source_ip="127.0.0.1")
    return Call(operation=operation, params=params, caller=caller)


async def known_job() -> FakeCatalog:
    """A catalog with one job, tagged a=b."""
    catalog = FakeCatalog()
    await catalog.jobs.create(JOB)
    return catalog


async def test_who_has_no_policies_is_the_root_principal() -> None:
    """It may do everything."""
    await permissions(statement("iam:PassRole")).require(call("DeleteImportedModel", arn="root", modelIdentifier="m"))


@pytest.mark.parametrize("identifier", [JOB.request.job_name, JOB.id, JOB.arn])
async def test_a_name_means_what_it_names(identifier: str) -> None:
    """A policy speaks of ARNs; callers may write names."""
    catalog = await known_job()
    await permissions(statement("bedrock:Get*", JOB.arn), catalog=catalog).require(
        call("GetModelImportJob", jobIdentifier=identifier)
    )

    with pytest.raises(AccessDeniedError) as raised:
        await permissions(statement("bedrock:Get*", f"{JOB.arn[:-1]}x"), catalog=catalog).require(
            call("GetModelImportJob", jobIdentifier=identifier)
        )

    assert raised.value.message == (
        f"User: {ANA} is not authorized to perform: bedrock:GetModelImportJob on resource: {JOB.arn} "
        "because no identity-based policy allows the bedrock:GetModelImportJob action"
    )


async def test_what_is_not_there_is_told_only_to_who_may_see_all_of_its_kind() -> None:
    """Others could ask which names are taken."""
    asked = call("GetModelImportJob", jobIdentifier="no-such-job")
    await permissions(statement("bedrock:Get*", "arn:aws:bedrock:*:*:model-import-job/*")).require(asked)

    with pytest.raises(AccessDeniedError):
        await permissions(statement("bedrock:Get*", JOB.arn)).require(asked)


async def test_another_accounts_arn_is_taken_as_it_stands() -> None:
    """Nothing of that account is looked up, its tags neither."""
    catalog = await known_job()
    by_tag = statement("bedrock:*", StringEquals={"aws:ResourceTag/a": "b"})

    with pytest.raises(AccessDeniedError):
        await permissions(by_tag, catalog=catalog).require(call("GetModelImportJob", jobIdentifier=FOREIGN))
    elsewhere = Tenant(account=TENANT.account, region="eu-west-1")
    with pytest.raises(AccessDeniedError):
        await permissions(by_tag, catalog=catalog).require(
            call("ListTagsForResource", tenant=elsewhere, resourceARN=JOB.arn)
        )


async def test_tags_of_the_resource_decide() -> None:
    """On reading, on tagging, and after they were changed."""
    catalog = await known_job()
    by_tag = permissions(statement("bedrock:*", StringEquals={"aws:ResourceTag/a": "b"}), catalog=catalog)
    await by_tag.require(call("GetModelImportJob", jobIdentifier=JOB.request.job_name))
    await by_tag.require(call("TagResource", resourceARN=JOB.arn, tags=[{"key": "x", "value": "y"}]))

    await catalog.tags.put(TENANT, ResourceKind.JOB, JOB.id, [Tag(key="a", value="c")], most=50)

    with pytest.raises(AccessDeniedError):
        await by_tag.require(call("GetModelImportJob", jobIdentifier=JOB.request.job_name))


async def test_creation_needs_the_role_and_the_tags() -> None:
    """iam:PassRole on roleArn; the permission to tag job and model; conditions on the tags that the request brings."""
    role = "arn:aws:iam::000000000000:role/import"
    create = call(
        "CreateModelImportJob",
        roleArn=role,
        jobTags=[{"key": "team", "value": "rocks"}],
        importedModelTags=[{"key": "team", "value": "rocks"}],
    )
    own = statement("bedrock:CreateModelImportJob")
    passing = statement("iam:PassRole", role, StringEquals={"iam:PassedToService": "bedrock.amazonaws.com"})
    tagging = statement("bedrock:TagResource", StringEquals={"aws:RequestTag/team": "rocks"})
    await permissions(own, passing, tagging).require(create)

    for missing, action in (
        ((passing, tagging), "bedrock:CreateModelImportJob"),
        ((own, tagging), "iam:PassRole"),
        ((own, passing), "bedrock:TagResource"),
    ):
        with pytest.raises(AccessDeniedError, match=action):
            await permissions(*missing).require(create)


async def test_an_explicit_deny_wins() -> None:
    """Whatever else allows it."""
    deny = statement("bedrock:UntagResource", effect="Deny", **{"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}})
    both = permissions(statement("bedrock:*"), deny, catalog=await known_job())
    await both.require(call("UntagResource", resourceARN=JOB.arn, tagKeys=["x"]))

    with pytest.raises(AccessDeniedError, match="with an explicit deny"):
        await both.require(call("UntagResource", resourceARN=JOB.arn, tagKeys=["x", "a"]))


async def test_an_arn_of_the_wrong_kind_is_a_mistake_first() -> None:
    """It names the member's rule, and needs no look-up."""
    with pytest.raises(ValidationError):
        await permissions(statement("bedrock:*")).require(call("GetImportedModel", modelIdentifier=JOB.arn))


def test_every_operation_of_the_wire_can_be_asked_for() -> None:
    """An operation without an entry could not be permitted to anybody but the root principal."""
    assert set(OPERATIONS) == set(SERVICES)
