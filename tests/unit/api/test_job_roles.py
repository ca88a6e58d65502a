"""The role of an import, and what CreateModelImportJob says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.api.services import call, sample_services

from outcrop.api.import_jobs import create_model_import_job
from outcrop.api.services import Services
from outcrop.errors import OutcropError, RoleRefusedError, UnavailableError, ValidationError
from outcrop.records import ImportJob

pytestmark = pytest.mark.anyio

ROLE = "arn:aws:iam::000000000000:role/import"


async def create(services: Services) -> str:
    """Creates an import; returns the job's ARN."""
    reply = await create_model_import_job(
        call(
            "CreateModelImportJob",
            jobName="j",
            importedModelName="m",
            roleArn=ROLE,
            modelDataSource={"s3DataSource": {"s3Uri": "s3://b/m/"}},
        ),
        services,
    )
    return str(reply.output["jobArn"])


async def refusal_of(failure: OutcropError) -> tuple[Services, OutcropError]:
    """How a job is refused whose role fails so."""

    async def check(_job: ImportJob) -> None:
        raise failure

    services = replace(sample_services(), check_role=check)
    with pytest.raises(OutcropError) as raised:
        await create(services)
    return services, raised.value


async def test_the_role_is_assumed_in_the_name_of_the_job() -> None:
    """The one that is then made: a trust policy may ask for its ARN (SPEC 6.1.3 settled)."""
    checked: list[ImportJob] = []

    async def check(job: ImportJob) -> None:
        checked.append(job)

    made = await create(replace(sample_services(), check_role=check))

    assert [(job.arn, job.request.role_arn) for job in checked] == [(made, ROLE)]


async def test_a_role_that_cannot_be_assumed_makes_no_job() -> None:
    """In AWS's words (SPEC 7.8.3), which say no more; the log does."""
    services, error = await refusal_of(RoleRefusedError(ROLE, "403 AccessDenied"))

    assert isinstance(error, ValidationError)
    assert error.message == "The provided role ARN is invalid"
    assert services.job_engine.ids == []


async def test_an_sts_that_is_away_is_not_the_callers_mistake() -> None:
    """Like a KMS that is away: the wire answers that the service could not."""
    services, error = await refusal_of(UnavailableError("STS", "503"))

    assert isinstance(error, UnavailableError)
    assert services.job_engine.ids == []
