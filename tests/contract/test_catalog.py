"""What every catalog does: the fake, and SQL on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.catalogs import LATER, OTHER, Catalog, model_of, published
from tests.samples import TENANT, sample_job

from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import ConflictError, IllegalMoveError, NotFoundError, QuotaExceededError, TooManyTagsError
from outcrop.records import ImportJob, JobNote, ListQuery, Mark, Quotas, Stage, Tag
from outcrop.testing.clock import BEGIN

pytestmark = pytest.mark.anyio


async def test_a_job_is_read_as_it_was_created(catalog: Catalog) -> None:
    """By id and by name; every member survives."""
    job = sample_job(1)

    await catalog.jobs.create(job)

    for identifier in (job.id, job.request.job_name):
        found = await catalog.jobs.get(TENANT, identifier)
        assert replace(found, request=replace(found.request, job_tags=job.request.job_tags)) == job


async def test_another_tenant_sees_nothing(catalog: Catalog) -> None:
    """Neither by id nor by name, and not in lists; names may be used again there."""
    model = await published(catalog)

    for tenant in (OTHER, Tenant(account=TENANT.account, region="eu-central-1")):
        with pytest.raises(NotFoundError):
            await catalog.jobs.get(tenant, model.job_id)
        with pytest.raises(NotFoundError):
            await catalog.models.get(tenant, model.name)
        with pytest.raises(NotFoundError):
            await catalog.models.delete(tenant, model.id)
        assert (await catalog.jobs.find(tenant, ListQuery(limit=9))).items == ()
        assert (await catalog.models.find(tenant, ListQuery(limit=9))).items == ()
    await catalog.jobs.create(replace(sample_job(1), id="otherjob0001", tenant=OTHER))


async def test_names_are_unique(catalog: Catalog) -> None:
    """A job's name for good; a model's name while an import promises it or a model carries it."""
    first = await catalog.jobs.create(sample_job(1))

    with pytest.raises(ConflictError):
        await catalog.jobs.create(replace(sample_job(2), request=replace(sample_job(2).request, job_name="job-1")))
    second = sample_job(2)
    second = replace(second, request=replace(second.request, imported_model_name=first.request.imported_model_name))
    with pytest.raises(ConflictError):
        await catalog.jobs.create(second)
    await catalog.jobs.move(first.id, Stage.FAILED, allowed_from=frozenset(Stage), at=LATER, failure_message="no")
    await catalog.jobs.create(second)


async def test_a_models_name_is_free_after_it_is_deleted(catalog: Catalog) -> None:
    """Deleting a model frees its name, and not before."""
    model = await published(catalog)
    again = sample_job(2)
    again = replace(again, request=replace(again.request, imported_model_name=model.name))
    with pytest.raises(ConflictError):
        await catalog.jobs.create(again)

    assert await catalog.models.delete(TENANT, model.id)

    await catalog.jobs.create(again)
    with pytest.raises(NotFoundError):
        await catalog.models.get(TENANT, model.id)


async def test_a_repeated_token_returns_the_first_job(catalog: Catalog) -> None:
    """The same token and request make no second job; another request with it is a conflict."""
    job = sample_job(1)
    job = replace(job, request=replace(job.request, client_request_token="token"))
    await catalog.jobs.create(job)

    again = await catalog.jobs.create(replace(job, id="another00001", model_id="another00002"))

    assert again.id == job.id
    changed = replace(job.request, role_arn="arn:aws:iam::000000000000:role/other")
    with pytest.raises(ConflictError):
        await catalog.jobs.create(replace(job, id="another00001", request=changed))


async def test_racing_creates_make_one_job(catalog: Catalog) -> None:
    """Fifty calls with one token: one job, and everybody is told of it."""
    job = sample_job(1)
    job = replace(job, request=replace(job.request, client_request_token="token"))

    made = await asyncio.gather(*(catalog.jobs.create(replace(job, id=f"racing{number:06}")) for number in range(50)))

    assert len({each.id for each in made}) == 1
    assert len((await catalog.jobs.find(TENANT, ListQuery(limit=99))).items) == 1


async def test_a_move_names_where_it_may_start(catalog: Catalog) -> None:
    """A job that stands elsewhere does not move, and says so."""
    job = await catalog.jobs.create(sample_job(1))

    moved = await catalog.jobs.move(job.id, Stage.PLAN, allowed_from=frozenset({Stage.QUEUED}), at=LATER)

    assert (moved.stage, moved.modified_at, moved.ended_at) == (Stage.PLAN, LATER, None)
    with pytest.raises(IllegalMoveError):
        await catalog.jobs.move(job.id, Stage.PLAN, allowed_from=frozenset({Stage.QUEUED}), at=LATER)


async def test_the_end_of_a_job_takes_its_key(catalog: Catalog) -> None:
    """A job that ended says when and why, keeps no wrapped key, and takes no more notes."""
    job = await catalog.jobs.create(sample_job(1))
    await catalog.jobs.record(job.id, JobNote(wrapped_key=b"wrapped"))
    assert (await catalog.jobs.get(None, job.id)).wrapped_key == b"wrapped"

    await catalog.jobs.move(job.id, Stage.FAILED, allowed_from=frozenset(Stage), at=LATER, failure_message="why")

    ended = await catalog.jobs.get(None, job.id)
    assert (ended.ended_at, ended.failure_message, ended.wrapped_key) == (LATER, "why", None)
    with pytest.raises(IllegalMoveError):
        await catalog.jobs.record(job.id, JobNote(bytes_done=1))


async def test_progress_never_runs_backwards(catalog: Catalog) -> None:
    """Within a stage bytes only grow, also when it is entered again; a new stage begins at zero."""
    job = await catalog.jobs.create(sample_job(1))
    await catalog.jobs.move(job.id, Stage.COPY, allowed_from=frozenset(Stage), at=BEGIN)
    await catalog.jobs.record(job.id, JobNote(bytes_done=50, bytes_total=100, report={"schema": "x"}))

    await catalog.jobs.record(job.id, JobNote(bytes_done=20))
    again = await catalog.jobs.move(job.id, Stage.COPY, allowed_from=frozenset({Stage.COPY}), at=LATER)
    verified = await catalog.jobs.move(job.id, Stage.VERIFY, allowed_from=frozenset({Stage.COPY}), at=LATER)

    assert (again.progress.bytes_done, again.progress.bytes_total) == (50, 100)
    assert again.progress.stage_started_at == BEGIN
    assert (verified.progress.bytes_done, verified.progress.stage_started_at) == (0, LATER)
    assert verified.report == {"schema": "x"}


async def test_counts_are_kept_for_rates(catalog: Catalog) -> None:
    """With their times, a second apart, for as long as the stage lasts; also when two workers tell at once."""
    job = await catalog.jobs.create(sample_job(1))
    notes = [JobNote(bytes_done=number, counted_at=BEGIN + timedelta(seconds=number / 2)) for number in range(5)]
    for note in notes:
        await catalog.jobs.record(job.id, note)
    await asyncio.gather(*(catalog.jobs.record(job.id, JobNote(bytes_done=done)) for done in (70, 90, 80)))

    told = await catalog.jobs.get(None, job.id)
    moved = await catalog.jobs.move(job.id, Stage.PLAN, allowed_from=frozenset(Stage), at=LATER)

    assert told.progress.marks == (
        Mark(at=BEGIN, bytes_done=0),
        Mark(at=BEGIN + timedelta(seconds=1), bytes_done=2),
        Mark(at=BEGIN + timedelta(seconds=2), bytes_done=4),
    )
    assert told.progress.bytes_done == 90
    assert moved.progress.marks == ()


async def test_publishing_is_one_step(catalog: Catalog) -> None:
    """The model appears and the job completes together, once."""
    model = await published(catalog)

    job = await catalog.jobs.get(TENANT, model.job_id)
    found = await catalog.models.get(TENANT, model.name)

    assert (job.stage, job.ended_at) == (Stage.COMPLETED, LATER)
    assert replace(found, tags=model.tags) == model
    assert await catalog.artifacts.held() == {model.artifact.artifact_id}
    with pytest.raises(IllegalMoveError):
        await catalog.models.publish(model, content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))


async def test_a_failed_job_publishes_nothing(catalog: Catalog) -> None:
    """A worker that was given up for dead cannot publish after the job has failed."""
    job = await catalog.jobs.create(sample_job(1))
    await catalog.jobs.move(job.id, Stage.FAILED, allowed_from=frozenset(Stage), at=LATER, failure_message="no")

    with pytest.raises(IllegalMoveError):
        await catalog.models.publish(model_of(job), content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))

    assert (await catalog.models.find(TENANT, ListQuery(limit=9))).items == ()


async def test_an_artifact_outlives_all_but_its_last_model(catalog: Catalog) -> None:
    """Deleting says whether the bytes may go."""
    first = await published(catalog, 1)
    second = await catalog.jobs.create(sample_job(2))
    await catalog.jobs.move(second.id, Stage.PUBLISH, allowed_from=frozenset(Stage), at=LATER)
    shared = replace(model_of(second), artifact=first.artifact)
    await catalog.models.publish(shared, content_sha256="c" * 64, allowed_from=frozenset({Stage.PUBLISH}))

    assert not await catalog.models.delete(TENANT, first.id)
    assert await catalog.models.delete(TENANT, shared.id)


@pytest.mark.parametrize("is_ascending", [False, True])
async def test_pages_cover_a_list_exactly(catalog: Catalog, *, is_ascending: bool) -> None:
    """Every job once, in order, also those created in the same microsecond."""
    for number in range(1, 8):
        await catalog.jobs.create(replace(sample_job(number), created_at=BEGIN + timedelta(seconds=number // 3)))
    seen: list[ImportJob] = []
    query = ListQuery(limit=2, is_ascending=is_ascending)

    while True:
        page = await catalog.jobs.find(TENANT, query)
        seen.extend(page.items)
        if not page.has_more:
            break
        query = replace(query, after=(seen[-1].created_at, seen[-1].id))

    keys = [(job.created_at, job.id) for job in seen]
    assert keys == sorted(keys, reverse=not is_ascending)
    assert len(set(keys)) == 7


async def test_lists_are_filtered(catalog: Catalog) -> None:
    """By part of the name, by time, and by stage; wildcards of SQL are letters like others."""
    for number in range(1, 4):
        await catalog.jobs.create(replace(sample_job(number), created_at=BEGIN + timedelta(hours=number)))
    await catalog.jobs.move(sample_job(2).id, Stage.FAILED, allowed_from=frozenset(Stage), at=LATER)

    async def found(**filters: object) -> list[str]:
        page = await catalog.jobs.find(TENANT, ListQuery(limit=9, **filters))
        return [job.request.job_name for job in page.items]

    assert await found() == ["job-3", "job-2", "job-1"]
    assert await found(name_contains="b-2") == ["job-2"]
    assert await found(name_contains="job_") == []
    assert await found(created_after=BEGIN + timedelta(hours=2)) == ["job-3"]
    assert await found(created_before=BEGIN + timedelta(hours=2)) == ["job-1"]
    assert await found(created_after=BEGIN, created_before=BEGIN + timedelta(hours=1)) == []
    assert await found(stages=frozenset({Stage.FAILED})) == ["job-2"]
    assert await found(stages=frozenset({Stage.COPY, Stage.QUEUED})) == ["job-3", "job-1"]
    assert await found(stages=frozenset(Stage), is_ascending=True) == ["job-1", "job-2", "job-3"]
    assert [job.request.job_name for job in await catalog.jobs.unfinished()] == ["job-1", "job-3"]


async def test_unended_jobs_come_without_their_reports(catalog: Catalog) -> None:
    """They are read again and again, all of them, and a report may be large."""
    await catalog.jobs.create(sample_job(1))
    await catalog.jobs.record(sample_job(1).id, JobNote(report={"schema": "x"}))

    (job,) = await catalog.jobs.unfinished()

    assert job.report is None


async def test_a_shown_time_as_a_bound_leaves_out_what_has_it(catalog: Catalog) -> None:
    """Lists show milliseconds and the catalog keeps microseconds: what was just seen must not come again."""
    shown = BEGIN + timedelta(milliseconds=7)
    await catalog.jobs.create(replace(sample_job(1), created_at=shown + timedelta(microseconds=345)))

    async def count(**filters: object) -> int:
        return len((await catalog.jobs.find(TENANT, ListQuery(limit=9, **filters))).items)

    assert await count(created_after=shown) == 0
    assert await count(created_after=shown - timedelta(milliseconds=1)) == 1
    assert await count(created_before=shown) == 0
    assert await count(created_before=shown + timedelta(microseconds=1)) == 1
    assert await count(created_before=shown + timedelta(milliseconds=1)) == 1
    assert await count(created_after=datetime.max.replace(tzinfo=UTC)) == 0
    assert await count(created_before=datetime.max.replace(tzinfo=UTC)) == 1


async def test_lists_leave_reports_out(catalog: Catalog) -> None:
    """A report may be large, and no list shows it; the job itself has it."""
    job = await catalog.jobs.create(sample_job(1))
    await catalog.jobs.record(job.id, JobNote(report={"schema": "x"}))

    (listed,) = (await catalog.jobs.find(TENANT, ListQuery(limit=1))).items

    assert listed.report is None
    assert (await catalog.jobs.get(TENANT, job.id)).report == {"schema": "x"}


@pytest.mark.parametrize("kind", ResourceKind)
async def test_tags_are_added_replaced_and_removed(catalog: Catalog, kind: ResourceKind) -> None:
    """Those given at creation are there; jobs and models have their own."""
    model = await published(catalog)
    resource = model.job_id if kind is ResourceKind.JOB else model.id
    first = Tag(key="a", value="b") if kind is ResourceKind.JOB else Tag(key="team", value="rocks")
    assert await catalog.tags.get(TENANT, kind, resource) == (first,)

    await catalog.tags.put(TENANT, kind, resource, [replace(first, value="new"), Tag(key="z", value="")], most=50)
    await catalog.tags.remove(TENANT, kind, resource, ["z", "never-there"])

    assert await catalog.tags.get(TENANT, kind, resource) == (replace(first, value="new"),)


async def test_a_resource_has_only_so_many_tags(catalog: Catalog) -> None:
    """New values do not count; one more key does, and changes nothing."""
    model = await published(catalog)
    full = [Tag(key=f"k{number}", value="v") for number in range(4)]
    await catalog.tags.put(TENANT, ResourceKind.MODEL, model.id, full, most=5)
    await catalog.tags.put(TENANT, ResourceKind.MODEL, model.id, full, most=5)

    with pytest.raises(TooManyTagsError) as raised:
        await catalog.tags.put(TENANT, ResourceKind.MODEL, model.id, [Tag(key="one-more", value="")], most=5)

    assert raised.value.resource_name == model.arn
    assert len(await catalog.tags.get(TENANT, ResourceKind.MODEL, model.id)) == 5


async def test_tags_belong_to_their_tenant_and_kind(catalog: Catalog) -> None:
    """Another account, or the id as another kind, is not there."""
    model = await published(catalog)

    for tenant, kind in ((OTHER, ResourceKind.MODEL), (TENANT, ResourceKind.JOB)):
        with pytest.raises(NotFoundError):
            await catalog.tags.get(tenant, kind, model.id)
        with pytest.raises(NotFoundError):
            await catalog.tags.put(tenant, kind, model.id, [Tag(key="x", value="y")], most=50)
        with pytest.raises(NotFoundError):
            await catalog.tags.remove(tenant, kind, model.id, ["team"])


async def test_quotas_count_what_the_tenant_has(catalog: Catalog) -> None:
    """Unended jobs, and models with the jobs that will make more; nobody else's; ended jobs are no matter."""
    quotas = Quotas(concurrent_jobs=2, models=2)
    await catalog.jobs.create(replace(sample_job(9), tenant=OTHER), quotas)
    await catalog.jobs.create(sample_job(1), quotas)
    await catalog.jobs.create(sample_job(2), quotas)
    with pytest.raises(QuotaExceededError, match="Concurrent model import jobs"):
        await catalog.jobs.create(sample_job(3), quotas)

    await catalog.jobs.move(sample_job(2).id, Stage.FAILED, allowed_from=frozenset({Stage.QUEUED}), at=LATER)
    await catalog.models.publish(
        model_of(sample_job(1)), content_sha256="c" * 64, allowed_from=frozenset({Stage.QUEUED})
    )
    await catalog.jobs.create(sample_job(3), quotas)
    with pytest.raises(QuotaExceededError, match="Imported models per account"):
        await catalog.jobs.create(sample_job(4), quotas)

    with pytest.raises(NotFoundError):
        await catalog.jobs.get(TENANT, sample_job(4).id)


async def test_a_repeated_request_needs_no_room(catalog: Catalog) -> None:
    """It makes nothing."""
    quotas = Quotas(concurrent_jobs=1)
    job = sample_job(1)
    job = replace(job, request=replace(job.request, client_request_token="token"))
    await catalog.jobs.create(job, quotas)

    again = await catalog.jobs.create(replace(job, id="another00000"), quotas)

    assert again.id == job.id


async def test_of_creations_that_race_only_as_many_pass_as_there_is_room(catalog: Catalog) -> None:
    """Ten at once, room for three."""
    quotas = Quotas(concurrent_jobs=3)

    made = await asyncio.gather(
        *(catalog.jobs.create(sample_job(number), quotas) for number in range(10)), return_exceptions=True
    )

    assert [isinstance(each, ImportJob) for each in made].count(True) == 3
    assert all(isinstance(each, ImportJob | QuotaExceededError) for each in made)


async def test_a_job_is_read_without_its_report(catalog: Catalog) -> None:
    """Everything else is there."""
    job = await catalog.jobs.create(sample_job(1))
    await catalog.jobs.record(job.id, JobNote(report={"schema": "x"}))

    whole = await catalog.jobs.get(TENANT, job.id)

    assert whole.report == {"schema": "x"}
    assert await catalog.jobs.get(TENANT, job.id, with_report=False) == replace(whole, report=None)
