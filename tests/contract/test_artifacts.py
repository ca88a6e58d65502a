"""Who holds which artifact: what every catalog says, whatever races."""

import asyncio
from dataclasses import replace

import pytest
from tests.contract.catalogs import LATER, OTHER, Catalog, model_of, published
from tests.samples import TENANT, sample_job

from outcrop.arn import Tenant
from outcrop.errors import IllegalMoveError
from outcrop.records import ImportedModel, ImportJob, JobNote, SharedArtifact, Stage

pytestmark = pytest.mark.anyio

CONTENT = "c" * 64
"""What `published` publishes."""


async def importing(catalog: Catalog, number: int, **changes: object) -> ImportJob:
    """Another import under way."""
    return await catalog.jobs.create(replace(sample_job(number), **changes))


async def published_shared(catalog: Catalog, job: ImportJob, shared: SharedArtifact) -> ImportedModel:
    """The model of a job that shares."""
    await catalog.jobs.move(job.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=LATER)
    model = model_of(job)
    artifact = replace(
        model.artifact,
        artifact_id=shared.opener.artifact_id,
        manifest_sha256=shared.manifest_sha256,
        wrapped_key=b"\0its own",
    )
    model = replace(model, artifact=artifact)
    await catalog.models.publish(model, content_sha256=CONTENT, allowed_from=frozenset({Stage.PUBLISH}))
    return model


async def test_the_same_content_is_shared(catalog: Catalog) -> None:
    """The job points to the artifact, and is told how it opens."""
    model = await published(catalog)
    job = await importing(catalog, 2)

    shared = await catalog.artifacts.share(job.id, CONTENT)

    assert shared is not None
    assert shared.manifest_sha256 == model.artifact.manifest_sha256
    assert (shared.opener.model_arn, shared.opener.wrapped_key) == (model.arn, model.artifact.wrapped_key)
    assert (await catalog.jobs.get(None, job.id)).artifact_id == model.artifact.artifact_id


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": OTHER},
        {"tenant": Tenant(account=TENANT.account, region="eu-central-1")},
        {"key_arn": "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111"},
    ],
)
async def test_nothing_is_shared_across_accounts_regions_and_keys(catalog: Catalog, changes: dict[str, object]) -> None:
    """Whoever may disable or read under one key has no say over the other's models."""
    await published(catalog)
    job = await importing(catalog, 2, **changes)

    assert await catalog.artifacts.share(job.id, CONTENT) is None
    assert (await catalog.jobs.get(None, job.id)).artifact_id == job.id


async def test_other_content_and_unpublished_content_is_not_shared(catalog: Catalog) -> None:
    """An import that is under way can still fail."""
    first, second = await importing(catalog, 1), await importing(catalog, 2)
    await catalog.jobs.record(first.id, JobNote(wrapped_key=b"\0wrapped"))

    assert await catalog.artifacts.share(second.id, CONTENT) is None
    await published(catalog, 3)
    assert await catalog.artifacts.share(second.id, "d" * 64) is None


async def test_a_job_that_shares_keeps_the_artifact(catalog: Catalog) -> None:
    """Deleting the model that it came from leaves the bytes to it, and to its model afterwards."""
    model = await published(catalog)
    job = await importing(catalog, 2)
    shared = await catalog.artifacts.share(job.id, CONTENT)
    assert shared is not None

    assert not await catalog.models.delete(TENANT, model.id)
    assert await catalog.artifacts.held() == {model.artifact.artifact_id, job.id}
    second = await published_shared(catalog, job, shared)

    assert await catalog.artifacts.held() == {model.artifact.artifact_id}
    assert await catalog.models.delete(TENANT, second.id)
    assert await catalog.artifacts.held() == frozenset()


async def test_an_artifact_that_is_gone_is_not_shared(catalog: Catalog) -> None:
    """Its bytes are going: nobody may hold it any more."""
    model = await published(catalog)
    assert await catalog.models.delete(TENANT, model.id)
    job = await importing(catalog, 2)

    assert await catalog.artifacts.share(job.id, CONTENT) is None


async def test_a_failing_job_frees_what_nobody_else_holds(catalog: Catalog) -> None:
    """Its own bytes always; those that it shared only when it was the last."""
    model = await published(catalog)
    second, third = await importing(catalog, 2), await importing(catalog, 3)
    for job in (second, third):
        assert await catalog.artifacts.share(job.id, CONTENT)

    assert await catalog.artifacts.release(second.id) == [second.id]
    assert not await catalog.models.delete(TENANT, model.id)
    assert await catalog.artifacts.release(third.id) == [third.id, model.artifact.artifact_id]


async def test_a_job_that_released_publishes_nothing(catalog: Catalog) -> None:
    """A second worker on the same job cannot publish a model whose bytes the first one removes."""
    await published(catalog)
    job = await importing(catalog, 2)
    shared = await catalog.artifacts.share(job.id, CONTENT)
    assert shared is not None
    await catalog.jobs.record(job.id, JobNote(wrapped_key=b"wrapped"))

    await catalog.artifacts.release(job.id)

    assert (await catalog.jobs.get(None, job.id)).wrapped_key is None
    with pytest.raises(IllegalMoveError):
        await published_shared(catalog, job, shared)
    with pytest.raises(IllegalMoveError):
        await catalog.artifacts.share(job.id, CONTENT)
    assert await catalog.artifacts.release(job.id) == [job.id]


async def test_a_job_that_has_ended_neither_shares_nor_releases(catalog: Catalog) -> None:
    """The artifact of a completed job is its model's."""
    model = await published(catalog)

    with pytest.raises(IllegalMoveError):
        await catalog.artifacts.release(model.job_id)
    with pytest.raises(IllegalMoveError):
        await catalog.artifacts.share(model.job_id, CONTENT)


async def test_sharing_again_answers_for_the_present(catalog: Catalog) -> None:
    """An attempt that was killed: with its key recorded it goes on alone, and without it the artifact is given up."""
    model = await published(catalog)
    keyed, keyless = await importing(catalog, 2), await importing(catalog, 3)
    for job in (keyed, keyless):
        assert await catalog.artifacts.share(job.id, CONTENT)
    await catalog.jobs.record(keyed.id, JobNote(wrapped_key=b"\0keyed"))
    assert not await catalog.models.delete(TENANT, model.id)

    again = await catalog.artifacts.share(keyed.id, CONTENT)
    assert again is not None
    assert (again.opener.model_arn, again.opener.wrapped_key) == (keyed.model_arn, b"\0keyed")

    await catalog.artifacts.release(keyed.id)
    assert await catalog.artifacts.share(keyless.id, CONTENT) is None
    assert (await catalog.jobs.get(None, keyless.id)).artifact_id == keyless.id
    assert await catalog.artifacts.held() == {keyed.id, keyless.id}


async def test_racing_imports_and_deletes_agree(catalog: Catalog) -> None:
    """However they meet: the bytes may go exactly once, and never under a job that was let in."""
    for turn in range(20):
        model = await published(catalog, 10 * turn + 1)
        jobs = [await importing(catalog, 10 * turn + number) for number in (2, 3)]

        is_free, *shares = await asyncio.gather(
            catalog.models.delete(TENANT, model.id), *(catalog.artifacts.share(job.id, CONTENT) for job in jobs)
        )
        freed = [await catalog.artifacts.release(job.id) for job in jobs]

        told = [model.artifact.artifact_id in ids for ids in freed]
        assert is_free == (not any(shares))
        assert is_free + sum(told) == 1


async def test_racing_deletes_free_the_bytes_once(catalog: Catalog) -> None:
    """Two models of one artifact, deleted at once."""
    for turn in range(20):
        first = await published(catalog, 10 * turn + 1)
        job = await importing(catalog, 10 * turn + 2)
        shared = await catalog.artifacts.share(job.id, CONTENT)
        assert shared is not None
        second = await published_shared(catalog, job, shared)

        told = await asyncio.gather(*(catalog.models.delete(TENANT, model.id) for model in (first, second)))

        assert sorted(told) == [False, True]


async def test_copies_of_a_key_are_replaced_one_by_one(catalog: Catalog) -> None:
    """Of models and of imports under way; one that changed meanwhile stays as it is."""
    model, job = await published(catalog), await importing(catalog, 2)
    await catalog.jobs.record(job.id, JobNote(wrapped_key=b"\0of the job"))
    copies = await catalog.artifacts.copies(model.artifact.key_arn)
    assert [(copy.model_arn, copy.artifact_id) for copy in copies] == [
        (job.model_arn, job.id),
        (model.arn, model.artifact.artifact_id),
    ]

    done = [await catalog.artifacts.rewrap(copy, b"\0new") for copy in copies]
    again = [await catalog.artifacts.rewrap(copy, b"\0late") for copy in copies]

    assert (done, again) == ([True, True], [False, False])
    assert (await catalog.models.get(TENANT, model.id)).artifact.wrapped_key == b"\0new"
    assert (await catalog.jobs.get(None, job.id)).wrapped_key == b"\0new"
    assert await catalog.artifacts.copies("another") == []
