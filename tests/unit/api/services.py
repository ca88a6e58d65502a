"""Services on fakes, and calls of their operations."""

from __future__ import annotations

import secrets
from typing import Any

from tests.samples import TENANT

from outcrop.access.throttle import Throttle
from outcrop.api.calls import Call
from outcrop.api.import_jobs import create_model_import_job
from outcrop.api.permissions import Permissions
from outcrop.api.services import Services
from outcrop.ports import Clock, Networks
from outcrop.records import NO_QUOTAS, Caller, ImportJob, ServableModel
from outcrop.serving.capabilities import Capabilities
from outcrop.serving.fleet import Fleet, FleetLimits
from outcrop.serving.prompts import OpenedArtifact, Prompts
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import FakeClock
from outcrop.testing.keys import FakeKeyService
from outcrop.testing.networks import FakeNetworks
from outcrop.testing.null_host import NullHost
from outcrop.testing.vault import FakeVault


class Started:
    """A job engine that keeps what it was told."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def launch(self) -> None:
        """Does nothing."""

    async def start(self, job_id: str, *, turn: int) -> None:
        """Keeps the id."""
        assert turn >= 1
        self.ids.append(job_id)

    async def close(self) -> None:
        """Does nothing."""


def sample_services(
    *, host: NullHost | None = None, clock: Clock | None = None, networks: Networks | None = None
) -> Services:
    """Services on fakes, everything allowed."""
    catalog, time = FakeCatalog(), clock or FakeClock()
    return Services(
        jobs=catalog.jobs,
        models=catalog.models,
        tags=catalog.tags,
        vault=FakeVault(),
        keys=FakeKeyService(),
        networks=networks or FakeNetworks(),
        check_role=_any_role,
        job_engine=Started(),
        fleet=Fleet(host or NullHost(), time, FleetLimits()),
        capabilities=Capabilities(engine="none", features=frozenset()),
        clock=time,
        pick=secrets.choice,
        new_reply_id=lambda: "0" * 32,
        page_token_key=b"k" * 32,
        permissions=Permissions(
            policies_of=lambda _: None, jobs=catalog.jobs, models=catalog.models, tags=catalog.tags
        ),
        throttle=Throttle({}),
        quotas=NO_QUOTAS,
        keep_warm=frozenset(),
        prompts=Prompts(_no_artifact),
        profile="outcrop",
    )


async def _any_role(_job: ImportJob) -> None:
    """Every role will do here."""


async def create_job(services: Services, **more: Any) -> str:
    """Creates an import, with more members than it must have; returns the job's ARN."""
    reply = await create_model_import_job(
        call(
            "CreateModelImportJob",
            jobName="j",
            importedModelName="m",
            roleArn="arn:aws:iam::000000000000:role/import",
            modelDataSource={"s3DataSource": {"s3Uri": "s3://b/m/"}},
            **more,
        ),
        services,
    )
    return str(reply.output["jobArn"])


async def _no_artifact(model: ServableModel) -> OpenedArtifact:
    """Nothing is read here."""
    raise AssertionError(model)


def call(operation: str, **params: Any) -> Call:
    """A call of the root principal."""
    caller = Caller(principal_arn="arn:aws:iam::000000000000:root", tenant=TENANT, request_id="r", source_ip="::1")
    return Call(operation=operation, params=params, caller=caller)
