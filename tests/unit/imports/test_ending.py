"""What a webhook is told of a job's end, and how it is signed."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import botocore.session
import pytest
from tests.samples import sample_job

from outcrop.imports.ending import event_of, message, signed_headers
from outcrop.records import ImportJob, Stage
from outcrop.testing.clock import BEGIN


def ended(stage: Stage, why: str | None = None) -> ImportJob:
    """The sample job at its end."""
    return replace(sample_job(), stage=stage, modified_at=BEGIN, ended_at=BEGIN, failure_message=why)


def test_a_completed_job_names_its_model() -> None:
    """The envelope is EventBridge's; times have no fractions."""
    job = ended(Stage.COMPLETED)

    event = event_of(job)

    assert {name: event[name] for name in event if name not in ("detail", "id")} == {
        "version": "0",
        "detail-type": "Bedrock Model Import Job State Change",
        "source": "aws.bedrock",
        "account": "000000000000",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": [job.arn, job.model_arn],
    }
    detail = event["detail"]
    assert isinstance(detail, dict)
    assert (detail["status"], detail["importedModelArn"], detail["endTime"]) == (
        "Completed",
        job.model_arn,
        "2026-01-02T03:04:05Z",
    )
    assert "failureMessage" not in detail


def test_a_failed_job_says_why() -> None:
    """And names no model, for there is none."""
    event = event_of(ended(Stage.FAILED, "config.json: is not there"))

    detail = event["detail"]
    assert isinstance(detail, dict)
    assert event["resources"] == [sample_job().arn]
    assert (detail["status"], detail["failureMessage"]) == ("Failed", "config.json: is not there")
    assert "importedModelArn" not in detail


def test_the_detail_has_the_words_of_the_api() -> None:
    """Its members are those of GetModelImportJob, so that one reader serves both."""
    model = botocore.session.get_session().get_service_model("bedrock")
    members = set(model.operation_model("GetModelImportJob").output_shape.members)
    with_key = ended(Stage.COMPLETED)
    with_key = replace(with_key, request=replace(with_key.request, kms_key_id="k"))
    completed, failed = event_of(with_key)["detail"], event_of(ended(Stage.FAILED, "x"))["detail"]
    assert isinstance(completed, dict)
    assert isinstance(failed, dict)

    assert (completed.keys() | failed.keys()) - {"version"} == members - {"vpcConfig"}


def test_an_event_is_the_same_each_time() -> None:
    """So is its id, by which a receiver knows one that it had; another job has another."""
    other = replace(ended(Stage.FAILED), id="job000000002")

    assert message(event_of(ended(Stage.FAILED))) == message(event_of(ended(Stage.FAILED)))
    assert event_of(other)["id"] != event_of(ended(Stage.FAILED))["id"]


def test_the_signature_is_the_standards() -> None:
    """The test vector of Standard Webhooks' own libraries: id, time, body and secret as there."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signed_headers(
        body,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=BEGIN.fromtimestamp(1614265330, BEGIN.tzinfo),
        secrets=[secret],
    )

    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_make_two_signatures() -> None:
    """A receiver that knows either takes the message."""
    headers = signed_headers(b"{}", message_id="i", at=BEGIN, secrets=[b"old", b"new"])

    for secret in (b"old", b"new"):
        signed = f"i.{headers['webhook-timestamp']}.{{}}".encode()
        signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        assert f"v1,{signature}" in headers["webhook-signature"].split(" ")


@pytest.mark.parametrize("stage", [Stage.COMPLETED, Stage.FAILED])
def test_a_message_is_small(stage: Stage) -> None:
    """Also with the longest failure: the standard asks for less than 20 kB, and the id holds no full stop."""
    event = event_of(ended(stage, "ü" * 2048))

    assert len(message(event)) < 20_000
    assert json.loads(message(event)) == event
    assert "." not in str(event["id"])
