"""What each import reads with: the role, the server's credentials, or nothing but files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.samples import sample_job

from outcrop.adapters.data_folder import offer_folder
from outcrop.app.job_sources import JobSources
from outcrop.app.networks import ServerNetworks
from outcrop.app.roles import ambient_notice, assumes_roles, roles_by
from outcrop.errors import RoleRefusedError, SettingError
from outcrop.records import ImportJob, SourceLocation, SourceObject
from outcrop.settings import Settings, load
from outcrop.testing.clock import FakeClock
from outcrop.testing.keys import FakeKeyService
from outcrop.testing.networks import FakeNetworkCatalog
from outcrop.testing.roles import FakeRoles

pytestmark = pytest.mark.anyio


def job_of(number: int = 1) -> ImportJob:
    """A job without vpcConfig."""
    job = sample_job(number)
    return replace(job, request=replace(job.request, network=None))


JOB = job_of()
ROLE = JOB.request.role_arn


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS variables or profiles but the test's."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture
def buckets(tmp_path: Path) -> Path:
    """A folder with the bucket `models`."""
    folder = tmp_path / "buckets" / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return tmp_path / "buckets"


def sources(settings: Settings, roles: FakeRoles | None) -> JobSources:
    """What jobs read from under these settings."""
    networks = ServerNetworks(None, FakeNetworkCatalog(), keys=FakeKeyService(), keys_by=None, is_worker=False)
    return JobSources(
        settings,
        environment={},
        clock=FakeClock(),
        networks=networks,
        roles_by=None if roles is None else lambda _way: roles,
    )


def role_broker(*known: str) -> FakeRoles:
    """Roles on a clock of their own."""
    return FakeRoles(FakeClock(), known=set(known))


@pytest.mark.parametrize(
    ("flags", "variables", "is_assumed"),
    [
        ({}, {}, True),
        ({}, {"AWS_ENDPOINT_URL_S3": "http://s3"}, False),
        ({}, {"AWS_ENDPOINT_URL_S3": "http://s3", "AWS_ENDPOINT_URL_STS": "http://sts"}, True),
        ({}, {"AWS_ENDPOINT_URL": "http://all"}, True),
        ({"roles": "ambient"}, {"AWS_ENDPOINT_URL_STS": "http://sts"}, False),
        ({"roles": "sts"}, {"AWS_ENDPOINT_URL_S3": "http://s3"}, True),
        ({"buckets": "."}, {"AWS_ENDPOINT_URL_STS": "http://sts"}, False),
        ({"buckets": ".", "roles": "sts"}, {}, True),
    ],
)
def test_roles_are_assumed_where_an_sts_can_be_known(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, str], variables: dict[str, str], *, is_assumed: bool
) -> None:
    """AWS's own S3 has AWS's; another store has the one that is named; and what is asked for counts most."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load(flags, {})

    assert assumes_roles(settings) is is_assumed
    assert (ambient_notice(settings) is None) is is_assumed
    assert (roles_by(settings, FakeClock()) is not None) is is_assumed


def test_endpoints_of_a_profile_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found the AWS way, not in the environment alone."""
    services = "[services store]\ns3 =\n  endpoint_url = http://s3\n"
    (tmp_path / "config").write_text(f"[profile own]\nservices = store\n{services}")
    monkeypatch.setenv("AWS_PROFILE", "own")

    assert not assumes_roles(Settings())


def test_a_profile_that_is_not_there_stops_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the variable."""
    monkeypatch.setenv("AWS_PROFILE", "none")

    with pytest.raises(SettingError, match="AWS_PROFILE"):
        assumes_roles(Settings())


async def test_s3_is_read_as_the_role(tmp_path: Path) -> None:
    """One store a job, which ends with it; the report says so."""
    found = sources(Settings(data=tmp_path), role_broker(ROLE))

    store = await found.open(JOB)

    assert await found.open(JOB) is store
    assert await found.open(job_of(2)) is not store
    assert found.access(JOB) == {"read_with": "role", "role_arn": ROLE}
    await found.close(JOB)
    await found.close(JOB)
    assert await found.open(JOB) is not store


async def test_a_run_that_lost_its_job_closes_nothing_of_its_successor(tmp_path: Path) -> None:
    """Both may be under way for a moment, in one process."""
    found = sources(Settings(data=tmp_path), role_broker(ROLE))
    await found.open(JOB)
    successor = replace(JOB, fence=JOB.fence + 1)
    store = await found.open(successor)

    await found.close(JOB)

    assert await found.open(successor) is store


async def test_a_share_has_a_store_of_its_own(tmp_path: Path) -> None:
    """It may run where its job does not, or outlive the job's run; it ends with the share."""
    found = sources(Settings(data=tmp_path), role_broker(ROLE))
    store = await found.open(JOB)

    async with found.lend(JOB) as lent, found.lend(JOB) as another:
        assert len({id(store), id(lent), id(another)}) == 3

    assert await found.open(JOB) is store
    location = SourceLocation.parse(JOB.request.source_uri)
    source = SourceObject(bucket=location.bucket, key="m/x", size_bytes=9, etag='"e"')
    with pytest.raises(RuntimeError):
        await lent.read(source, 0, 9)


async def test_what_all_jobs_share_is_lent_as_it_is(tmp_path: Path) -> None:
    """And is not closed after a share."""
    found = sources(Settings(data=tmp_path), None)

    async with found.lend(JOB) as lent:
        assert lent is await found.open(JOB)


async def test_without_roles_s3_is_read_as_the_server(tmp_path: Path) -> None:
    """Whatever the job's role: one store for all."""
    found = sources(Settings(data=tmp_path), None)

    assert await found.open(JOB) is await found.open(job_of(2))
    await found.check_role(JOB)
    assert found.access(JOB) == {"read_with": "server", "role_arn": None}


@pytest.mark.parametrize("gate", [JobSources.check_role, JobSources.open])
async def test_folders_as_buckets_are_opened_by_roles_that_can_be_assumed(
    tmp_path: Path, buckets: Path, gate: Callable[[JobSources, ImportJob], object]
) -> None:
    """With --buckets and --roles sts: the folder has no rights of its own, so the role is its key."""
    roles = role_broker(ROLE)
    found = sources(Settings(data=tmp_path, buckets=buckets), roles)
    store = await found.open(JOB)
    roles.known.clear()

    assert [item.key async for item in store.list(SourceLocation.parse(JOB.request.source_uri))] == ["m/config.json"]
    assert found.access(JOB) == {"read_with": "files", "role_arn": None}
    with pytest.raises(RoleRefusedError):
        await gate(found, JOB)


async def test_a_folder_that_was_offered_needs_no_role(tmp_path: Path, buckets: Path) -> None:
    """`outcrop import DIR` has a made-up one, and its operator can read the folder anyway."""
    bucket = offer_folder(tmp_path, buckets / "models")
    job = replace(JOB, request=replace(JOB.request, source_uri=f"s3://{bucket}/m/"))
    roles = role_broker()
    found = sources(Settings(data=tmp_path), roles)

    await found.check_role(job)
    store = await found.open(job)

    assert [item.key async for item in store.list(SourceLocation.parse(job.request.source_uri))] == ["m/config.json"]
    assert roles.assumed == []
