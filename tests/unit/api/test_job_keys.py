"""The key that a caller names for a model, and what CreateModelImportJob says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.samples import TENANT
from tests.unit.api.services import call, create_job, sample_services

from outcrop.api.import_jobs import get_model_import_job
from outcrop.api.services import Services
from outcrop.errors import (
    AccessDeniedError,
    KeyDeniedError,
    KeyUnavailableError,
    OutcropError,
    UnavailableError,
    ValidationError,
)
from outcrop.key_ids import full_arn

pytestmark = pytest.mark.anyio


@pytest.fixture
def services() -> Services:
    """Services on fakes."""
    return sample_services()


async def create(services: Services, key_id: str | None) -> str:
    """Creates an import under a key; returns the job's ARN."""
    return await create_job(services, **({} if key_id is None else {"importedModelKmsKeyId": key_id}))


FORMS: list[Callable[[str], str]] = [
    lambda arn: arn,
    lambda arn: arn.rpartition("/")[2],
    lambda _: "alias/team",
    lambda _: full_arn("alias/team", TENANT),
]


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_a_key_is_answered_as_its_arn(services: Services, form: Callable[[str], str]) -> None:
    """SPEC 2.2.3; it stays that key, whatever its alias means later."""
    arn = services.keys.make_key(TENANT)
    services.keys.aliases[full_arn("alias/team", TENANT)] = arn

    job_arn = await create(services, form(arn))
    services.keys.aliases.clear()

    described = await get_model_import_job(call("GetModelImportJob", jobIdentifier=job_arn), services)
    assert described.output["importedModelKmsKeyArn"] == arn


async def test_the_services_own_key_is_not_shown(services: Services) -> None:
    """AWS shows none either."""
    job_arn = await create(services, None)

    described = await get_model_import_job(call("GetModelImportJob", jobIdentifier=job_arn), services)
    assert "importedModelKmsKeyArn" not in described.output


@pytest.mark.parametrize(
    ("failure", "answered"),
    [
        (KeyUnavailableError("The key is disabled."), ValidationError),
        (KeyDeniedError("The server may not."), AccessDeniedError),
        (UnavailableError("AWS KMS", "503"), UnavailableError),
    ],
)
async def test_a_key_that_cannot_be_used_makes_no_job(
    services: Services, failure: OutcropError, answered: type[OutcropError]
) -> None:
    """The caller's mistakes are told as such; a KMS that is away is nobody's mistake."""

    async def resolve(*_: object) -> str:
        raise failure

    services.keys.resolve = resolve
    with pytest.raises(answered):
        await create(services, "alias/team")

    assert services.job_engine.ids == []


async def test_a_service_key_that_cannot_be_used_is_not_the_callers_mistake(services: Services) -> None:
    """It named none: the answer is an InternalServerException, and the operator's log has the reason."""

    async def resolve(*_: object) -> str:
        raise KeyUnavailableError("The key is disabled.")

    services.keys.resolve = resolve

    with pytest.raises(KeyUnavailableError):
        await create(services, None)
