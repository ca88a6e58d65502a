"""The main job against a real S3 server."""

import json

import boto3
import pytest

from tests.e2e.servers import EXAMPLE, running_server
from tests.services.ceph_rgw import S3Server

pytestmark = [pytest.mark.engine, pytest.mark.services]


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
