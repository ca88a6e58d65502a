"""A real S3 server: what every ObjectStore and every Vault does, and the main job from a bucket into a bucket.

All in one file, and so in one process of a parallel run: one server starts for all of it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.adapters.vault_s3 import S3Vault
from outcrop.app.doctor_store import examine_store
from outcrop.doctor.outcomes import State
from outcrop.errors import SourceDeniedError, SourceMissingError
from outcrop.records import SourceLocation
from tests.contract.s3_vaults import open_vault
from tests.contract.test_staging import (
    test_an_upload_can_be_given_up_for_another,
    test_beginning_a_file_leaves_those_alone_whose_names_begin_alike,
    test_deleting_an_artifact_gives_up_its_uploads,
    test_parts_in_any_order_make_the_file,
    test_parts_survive_the_process_that_wrote_them,
    test_publishing_gives_up_what_nobody_finished,
)
from tests.contract.test_store import (
    Subject,
    filled,
    test_a_missing_bucket_is_named,
    test_a_pin_keeps_what_was_listed,
    test_an_object_that_changed_is_not_read,
    test_an_object_that_went_is_not_read,
    test_lists_what_is_under_a_prefix,
    test_reads_exactly_the_range,
)
from tests.contract.test_vault import (
    test_a_file_may_be_written_anew,
    test_a_file_that_failed_is_not_there,
    test_a_published_artifact_reads_like_a_staged_one,
    test_an_empty_file_is_a_file,
    test_deleting_leaves_nothing,
    test_publishing_nothing_is_an_error,
    test_reading_past_the_end_is_noticed,
    test_what_was_written_is_read,
)
from tests.e2e.servers import EXAMPLE, running_server
from tests.services.ceph_rgw import ACCESS_KEY_ID, S3Server, ceph_rgw, missing_programs
from tests.services.opened_s3 import KEYS, Open, listed, no_settings, opened, read_whole

__all__ = [
    "no_settings",
    "opened",
    "test_a_file_may_be_written_anew",
    "test_a_file_that_failed_is_not_there",
    "test_a_missing_bucket_is_named",
    "test_a_pin_keeps_what_was_listed",
    "test_a_published_artifact_reads_like_a_staged_one",
    "test_an_empty_file_is_a_file",
    "test_an_object_that_changed_is_not_read",
    "test_an_object_that_went_is_not_read",
    "test_an_upload_can_be_given_up_for_another",
    "test_beginning_a_file_leaves_those_alone_whose_names_begin_alike",
    "test_deleting_an_artifact_gives_up_its_uploads",
    "test_deleting_leaves_nothing",
    "test_lists_what_is_under_a_prefix",
    "test_parts_in_any_order_make_the_file",
    "test_parts_survive_the_process_that_wrote_them",
    "test_publishing_gives_up_what_nobody_finished",
    "test_publishing_nothing_is_an_error",
    "test_reading_past_the_end_is_noticed",
    "test_reads_exactly_the_range",
    "test_what_was_written_is_read",
]

pytestmark = [pytest.mark.services, pytest.mark.anyio]


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server; skips where it is not installed."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"no real S3 server: {', '.join(missing)} not installed (.ci/run installs Debian's packages)")
    with ceph_rgw(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture
def subject(s3_server: S3Server) -> Iterator[Subject]:
    """A bucket of a real server, emptied afterwards."""
    session = boto3.Session(
        aws_access_key_id=s3_server.access_key_id,
        aws_secret_access_key=s3_server.secret_access_key,
        region_name=s3_server.region,
    )
    client = session.client("s3", endpoint_url=s3_server.url)
    client.create_bucket(Bucket="models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", s3_server.url)
        store = S3ObjectStore(session, {})
    yield filled(
        Subject(
            store,
            lambda key, data: client.put_object(Bucket="models", Key=key, Body=data),
            lambda key: client.delete_object(Bucket="models", Key=key),
        )
    )
    for entry in client.list_objects_v2(Bucket="models").get("Contents", ()):
        client.delete_object(Bucket="models", Key=entry["Key"])


@pytest.fixture
def reopen(s3_server: S3Server) -> Iterator[Callable[[], S3Vault]]:
    """Opens the same vault in a bucket of a real server, as a new process would; emptied afterwards."""
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.url,
        aws_access_key_id=s3_server.access_key_id,
        aws_secret_access_key=s3_server.secret_access_key,
        region_name=s3_server.region,
    )
    client.create_bucket(Bucket="vault")
    yield lambda: open_vault(
        s3_server.url, access_key_id=s3_server.access_key_id, secret_access_key=s3_server.secret_access_key
    )
    for upload in client.list_multipart_uploads(Bucket="vault").get("Uploads", ()):
        client.abort_multipart_upload(Bucket="vault", Key=upload["Key"], UploadId=upload["UploadId"])
    for entry in client.list_objects_v2(Bucket="vault").get("Contents", ()):
        client.delete_object(Bucket="vault", Key=entry["Key"])


@pytest.mark.engine
def test_a_model_is_imported_from_s3_and_answers(
    s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory, questions: list[dict[str, str]]
) -> None:
    """Upload, import, ask: what a user of Bedrock does, with the server's own AWS variables naming the store."""
    s3 = boto3.client(
        "s3",
        endpoint_url=s3_server.url,
        aws_access_key_id=s3_server.access_key_id,
        aws_secret_access_key=s3_server.secret_access_key,
        region_name=s3_server.region,
    )
    s3.create_bucket(Bucket="imports")
    for path in (EXAMPLE / "model").iterdir():
        s3.upload_file(str(path), "imports", f"llms/fieldguide/{path.name}")
    s3.put_object(Bucket="imports", Key="llms/fieldguide/", Body=b"")
    s3.put_object(Bucket="imports", Key="llms/fieldguide/original/notes.txt", Body=b"not part of the model")
    data = tmp_path_factory.mktemp("s3") / "data"

    s3.create_bucket(Bucket="sealed")
    flags = ("--vault", "s3://sealed/outcrop", "--roles", "ambient")
    with running_server(data, *flags, environment=s3_server.environment) as server:
        job = server.ended(server.create_import("from-s3", "s3://imports/llms/fieldguide"))
        missing = server.ended(server.create_import("no-bucket", "s3://no-such-bucket/x/"))
        reply = server.client("bedrock-runtime").invoke_model(
            modelId=job["importedModelArn"],
            body=json.dumps({"prompt": f"Q: {questions[1]['question']}\nA:", "max_gen_len": 80, "temperature": 0}),
        )

    assert job["status"] == "Completed", job
    kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket="sealed")["Contents"]]
    assert sum(key.endswith("files/model.safetensors") for key in kept) == 1
    assert sum(key.startswith("outcrop/published/") for key in kept) == 1
    assert json.loads(reply["body"].read())["generation"].strip() == questions[1]["answer"]
    assert missing["status"] == "Failed"
    assert "no-such-bucket" in missing["failureMessage"]


def test_refused_credentials_are_named(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A store that refuses the server's key fails the import at once, with the store's own reason."""
    environment = {**s3_server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    data = tmp_path_factory.mktemp("denied") / "data"

    with running_server(data, "--roles", "ambient", environment=environment) as server:
        job = server.ended(server.create_import("denied", "s3://imports/llms/fieldguide/"))

    assert job["status"] == "Failed"
    assert "403" in job["failureMessage"]


def client_of(s3_server: S3Server) -> Any:
    """The owner's client."""
    return boto3.client(
        "s3",
        endpoint_url=s3_server.url,
        aws_access_key_id=s3_server.access_key_id,
        aws_secret_access_key=s3_server.secret_access_key,
        region_name=s3_server.region,
    )


async def test_keys_with_every_character_are_read(s3_server: S3Server, opened: Open) -> None:
    """As a real store encodes and signs them."""
    s3 = client_of(s3_server)
    s3.create_bucket(Bucket="characters")
    for key in (*KEYS, "m-v2/other.bin"):
        s3.put_object(Bucket="characters", Key=key, Body=key.encode())
    store = opened(s3_server.url, credentials=(s3_server.access_key_id, s3_server.secret_access_key))

    found = await listed(store, "s3://characters/m")

    assert sorted(item.key for item in found) == sorted(KEYS)
    for item in found:
        assert await read_whole(store, item) == item.key.encode()


async def test_a_public_bucket_is_read_without_credentials(s3_server: S3Server, opened: Open) -> None:
    """And a private one is not, for the reason that there are none."""
    s3 = client_of(s3_server)
    for bucket, acl in (("public", "public-read"), ("private", "private")):
        s3.create_bucket(Bucket=bucket, ACL=acl)
        s3.put_object(Bucket=bucket, Key="m/config.json", Body=b"{}", ACL=acl)
    store = opened(s3_server.url, keys=False)

    (source,) = await listed(store, "s3://public/m")
    assert await read_whole(store, source) == b"{}"
    with pytest.raises(SourceDeniedError, match="no AWS credentials"):
        await listed(store, "s3://private/m")


async def test_a_delete_marker_is_a_missing_object(s3_server: S3Server, opened: Open) -> None:
    """In a bucket with versions; before, the version is pinned."""
    s3 = client_of(s3_server)
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="versions", Key="m/config.json", Body=b"{}")["VersionId"]
    store = opened(s3_server.url, credentials=(s3_server.access_key_id, s3_server.secret_access_key))
    (source,) = await listed(store, "s3://versions/m")

    assert (await store.pin(source)).version_id == version
    s3.delete_object(Bucket="versions", Key="m/config.json")
    with pytest.raises(SourceMissingError):
        await store.read(source, 0, 2)


@pytest.mark.parametrize(
    ("bucket", "credentials", "layer"),
    [
        ("characters", None, ""),
        ("no-such-bucket", None, "bucket"),
        ("characters", (ACCESS_KEY_ID, "wrong"), "permission"),
        ("characters", ("NOBODYSKEY", "wrong"), "permission"),
    ],
)
async def test_the_doctor_tells_the_layers_of_a_real_store(
    s3_server: S3Server, bucket: str, credentials: tuple[str, str] | None, layer: str
) -> None:
    """By the codes that it really sends: with STS, Ceph says AccessDenied of a key that is wrong or unknown."""
    s3 = client_of(s3_server)
    s3.create_bucket(Bucket="characters")
    s3.put_object(Bucket="characters", Key="m/config.json", Body=b"{}")
    key = credentials or (s3_server.access_key_id, s3_server.secret_access_key)

    outcomes = await examine_store(
        SourceLocation.parse(f"s3://{bucket}/m/"),
        endpoint_url=s3_server.url,
        open_session=lambda: boto3.Session(
            aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=s3_server.region
        ),
        environment={},
        clock=SystemClock(),
    )

    assert [outcome.name for outcome in outcomes if outcome.state is State.WRONG] == ([layer] if layer else []), (
        outcomes
    )
