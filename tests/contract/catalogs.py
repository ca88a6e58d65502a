"""Catalogs for the contract suites, and what they begin from."""

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from tests.samples import sample_job

from outcrop.adapters.catalog_sql import (
    Database,
    SqlArtifactCatalog,
    SqlJobCatalog,
    SqlJobClaims,
    SqlModelCatalog,
    SqlTagCatalog,
)
from outcrop.arn import Tenant
from outcrop.ports import ArtifactCatalog, JobCatalog, JobClaims, ModelCatalog, TagCatalog
from outcrop.records import ArtifactRef, ImportedModel, ImportJob, ModelFacts, Stage, Tag
from outcrop.testing.clock import BEGIN

OTHER = Tenant(account="111111111111", region="us-east-1")
LATER = BEGIN + timedelta(minutes=5)


class Catalog(Protocol):
    """Both catalogs of one database."""

    jobs: JobCatalog
    claims: JobClaims
    models: ModelCatalog
    tags: TagCatalog
    artifacts: ArtifactCatalog


class SqlCatalog:
    """Both catalogs of a real database."""

    def __init__(self, database: Database) -> None:
        self.jobs = SqlJobCatalog(database)
        self.claims = SqlJobClaims(database)
        self.models = SqlModelCatalog(database)
        self.tags = SqlTagCatalog(database)
        self.artifacts = SqlArtifactCatalog(database)


def model_of(job: ImportJob, **changes: object) -> ImportedModel:
    """The model that a job makes."""
    model = ImportedModel(
        id=job.model_id,
        tenant=job.tenant,
        name=job.request.imported_model_name,
        job_id=job.id,
        job_name=job.request.job_name,
        source_uri=job.request.source_uri,
        created_at=LATER,
        facts=ModelFacts(
            architecture="llama",
            is_instruct=True,
            parameters=140_000_000_000,
            weight_bytes=280_000_000_000,
            context_length=131072,
            custom_model_units=8,
        ),
        artifact=ArtifactRef(
            artifact_id=job.artifact_id, manifest_sha256="ab" * 32, key_arn=job.key_arn, wrapped_key=b"\0wrapped"
        ),
        is_customer_key=True,
        evidence={"tokens": 3},
        tags=(Tag(key="team", value="rocks"),),
    )
    return replace(model, **changes)


async def published(catalog: Catalog, number: int = 1) -> ImportedModel:
    """A job that ran to its end, and its model."""
    job = await catalog.jobs.create(sample_job(number))
    await catalog.jobs.move(job.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=LATER)
    model = model_of(job)
    await catalog.models.publish(model, content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))
    return model
