"""Bad input: a clear answer within seconds, and nothing left behind."""

import pytest
from botocore.exceptions import ClientError

from tests.e2e.servers import RunningServer

CASES = {
    "no-config": ["config.json"],
    "truncated": ["model.safetensors", "cut short"],
    "missing-shard": ["model-00002-of-00002.safetensors"],
    "unsupported": ["InternLM2ForCausalLM", "config.json"],
    "not-numbers": ["NaN or infinity", "transformers serve"],
    "all-zero": ["no text", "transformers serve"],
    "nothing-here": ["config.json", "s3://models/nothing-here/"],
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_model_fails_with_file_and_cause(server: RunningServer, name: str) -> None:
    """The job ends Failed, its message names file and cause, no model is visible, no bytes stay."""
    stored = server.stored_bytes()

    job = server.ended(server.create_import(name, f"s3://models/{name}/"))

    assert job["status"] == "Failed"
    assert all(word in job["failureMessage"] for word in CASES[name]), job["failureMessage"]
    assert len(job["failureMessage"]) <= 2048
    assert "importedModelArn" not in job
    assert job["endTime"] >= job["creationTime"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        server.client("bedrock").get_imported_model(modelIdentifier=name)
    assert server.stored_bytes() == stored


def test_a_missing_bucket_is_named(server: RunningServer) -> None:
    """The message names the bucket."""
    job = server.ended(server.create_import("missing-bucket", "s3://no-such-bucket/good/"))

    assert job["status"] == "Failed"
    assert "no-such-bucket" in job["failureMessage"]


def test_a_failed_import_frees_the_models_name(server: RunningServer) -> None:
    """The name may be tried again under another job name."""
    server.ended(server.create_import("again", "s3://models/no-config/"))

    created = server.client("bedrock").create_model_import_job(
        jobName="again-2",
        importedModelName="again",
        roleArn="arn:aws:iam::000000000000:role/import",
        modelDataSource={"s3DataSource": {"s3Uri": "s3://models/no-config/"}},
    )

    assert server.ended(created["jobArn"])["status"] == "Failed"


def test_every_mistake_of_a_request_is_told_at_once(server: RunningServer) -> None:
    """One ValidationException holds them all, in AWS's words (SPEC 1.16)."""
    with pytest.raises(ClientError) as raised:
        server.client("bedrock").create_model_import_job(
            jobName="bad name!",
            importedModelName="a.b",
            roleArn="nope",
            modelDataSource={"s3DataSource": {"s3Uri": "file:///x"}},
        )

    message = raised.value.response["Error"]["Message"]
    assert message.startswith("4 validation errors detected: Value 'bad name!' at 'jobName'")
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_fields_that_would_be_ignored_are_refused(server: RunningServer) -> None:
    """An unknown key or network is a mistake now, not a surprise later."""
    with pytest.raises(ClientError, match="importedModelKmsKeyId"):
        server.create_import("k", "s3://models/good/", importedModelKmsKeyId="alias/unknown")
    with pytest.raises(ClientError, match="subnet-1"):
        server.create_import(
            "v", "s3://models/good/", vpcConfig={"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
        )
