"""A real S3 server: what every ObjectStore does, and the main job from a bucket.

All in one file, and so in one process of a parallel run: one server starts for all of it.
"""

import json
from collections.abc import Iterator

import boto3
import pytest

from outcrop.adapters.store_s3 import S3ObjectStore
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
from tests.e2e.servers import EXAMPLE, running_server
from tests.services.ceph_rgw import S3Server, ceph_rgw, missing_programs

__all__ = [
    "test_a_missing_bucket_is_named",
    "test_a_pin_keeps_what_was_listed",
    "test_an_object_that_changed_is_not_read",
    "test_an_object_that_went_is_not_read",
    "test_lists_what_is_under_a_prefix",
    "test_reads_exactly_the_range",
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

    with running_server(data, environment=s3_server.environment) as server:
        job = server.ended(server.create_import("from-s3", "s3://imports/llms/fieldguide"))
        missing = server.ended(server.create_import("no-bucket", "s3://no-such-bucket/x/"))
        reply = server.client("bedrock-runtime").invoke_model(
            modelId=job["importedModelArn"],
            body=json.dumps({"prompt": f"Q: {questions[1]['question']}\nA:", "max_gen_len": 80, "temperature": 0}),
        )

    assert job["status"] == "Completed", job
    assert json.loads(reply["body"].read())["generation"].strip() == questions[1]["answer"]
    assert missing["status"] == "Failed"
    assert "no-such-bucket" in missing["failureMessage"]


def test_refused_credentials_are_named(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A store that refuses the server's key fails the import at once, with the store's own reason."""
    environment = {**s3_server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    data = tmp_path_factory.mktemp("denied") / "data"

    with running_server(data, environment=environment) as server:
        job = server.ended(server.create_import("denied", "s3://imports/llms/fieldguide/"))

    assert job["status"] == "Failed"
    assert "403" in job["failureMessage"]
