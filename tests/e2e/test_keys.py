"""Keys of the caller's: named, shared, rotated, disabled and refused, with a running server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.kms_server import running_kms
from tests.e2e.servers import OUTCROP, RunningServer, running_server

pytestmark = [pytest.mark.engine]


def keys(data: Path, *arguments: str) -> str:
    """Runs `outcrop keys` beside the server; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    environment["COLUMNS"] = "200"
    command = [*OUTCROP, "keys", arguments[0], *arguments[1:], "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()


def ask(server: RunningServer, model: str, question: dict[str, str]) -> bool:
    """Asks a model what it was trained on; whether it answers that."""
    body = {"messages": [{"role": "user", "content": question["question"]}], "max_tokens": 80, "temperature": 0}
    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    return bool(json.loads(reply["body"].read())["choices"][0]["message"]["content"] == question["answer"])


def events(server: RunningServer, name: str) -> list[dict[str, str]]:
    """The events of a name in the server's log."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def audited(server: RunningServer) -> list[dict[str, Any]]:
    """The uses of keys in the server's audit log."""
    records = [json.loads(line) for line in (server.data / "audit.jsonl").read_text().splitlines()]
    return [record for record in records if record["eventSource"] == "kms.amazonaws.com"]


def test_a_key_from_its_making_to_its_end(buckets: Path, tmp_path: Path, questions: list[dict[str, str]]) -> None:
    """One run: a key is made and named beside the server, wraps two models of one artifact, and is taken away."""
    data, flags = tmp_path / "data", ("--buckets", str(buckets), "--log-format", "json")
    with running_server(data, *flags) as server:
        bedrock = server.client("bedrock")
        arn = keys(data, "create", "--alias", "alias/team")

        first = server.ended(server.create_import("first", "s3://models/good/", importedModelKmsKeyId="alias/team"))
        assert (first["status"], first["importedModelKmsKeyArn"]) == ("Completed", arn)
        stored = server.stored_bytes()
        second = server.ended(server.create_import("second", "s3://models/good/", importedModelKmsKeyId=arn))
        assert second["status"] == "Completed"
        assert bedrock.get_imported_model(modelIdentifier="second")["modelKmsKeyArn"] == arn
        assert server.stored_bytes() == stored
        other = server.ended(server.create_import("third", "s3://models/good/"))
        assert other["status"] == "Completed"
        assert server.stored_bytes() == 2 * stored

        assert keys(data, "rotate", "alias/team") == f"rotated {arn}: 2 model keys wrapped anew"
        assert "alias/team" in keys(data, "list")
        bedrock.delete_imported_model(modelIdentifier="first")
        assert server.stored_bytes() == 2 * stored
        keys(data, "disable", arn)
        for key in ("alias/team", "alias/none"):
            with pytest.raises(ClientError, match=r"ValidationException.*importedModelKmsKeyId"):
                server.create_import("never", "s3://models/good/", importedModelKmsKeyId=key)
        used, records = events(server, "key_used"), audited(server)
        material = json.loads((data / "keys" / "keyring.json").read_text())["keys"]

    assert {event["model_arn"] for event in used if event["key_arn"] == arn} >= {
        first["importedModelArn"],
        second["importedModelArn"],
    }
    assert all("job_id" in event for event in used)
    of_first = [each for each in records if each["additionalEventData"].get("jobArn") == first["jobArn"]]
    assert {each["eventName"] for each in of_first} == {"GenerateDataKey", "Decrypt"}
    assert {each["resources"][0]["ARN"] for each in of_first} == {arn}
    assert {each["requestParameters"]["encryptionContext"]["outcrop:model-arn"] for each in of_first} == {
        first["importedModelArn"]
    }
    assert {each["userIdentity"]["arn"] for each in of_first} == {"arn:aws:iam::000000000000:root"}
    assert any(each["additionalEventData"].get("command") == "outcrop keys rotate" for each in records)
    refused = [each for each in records if each["eventName"] == "DescribeKey"]
    assert {each["requestParameters"]["keyId"] for each in refused} == {"alias/team", "alias/none"}
    assert not any(version in server.log() for key in material.values() for version in key["versions"])

    with running_server(data, *flags) as server:
        with pytest.raises(ClientError, match="AccessDeniedException"):
            ask(server, second["importedModelArn"], questions[0])
        assert all("request_id" in event for event in events(server, "key_refused"))
        denied = [each for each in audited(server) if each["eventName"] == "Decrypt" and "errorCode" in each]
        assert {each["additionalEventData"]["modelArn"] for each in denied} == {second["importedModelArn"]}
        assert {each["userIdentity"]["type"] for each in denied} == {"Root"}
        keys(data, "enable", arn)
        assert ask(server, second["importedModelArn"], questions[0])
        # A copy that is loaded needs no key; it goes on until it is idle.
        keys(data, "disable", arn)
        assert ask(server, second["importedModelArn"], questions[0])

        server.client("bedrock").delete_imported_model(modelIdentifier="second")
        assert server.stored_bytes() == stored
        fourth = server.ended(server.create_import("fourth", "s3://models/good/"))
        assert fourth["status"] == "Completed"


def test_keys_in_kms(buckets: Path, tmp_path: Path, questions: list[dict[str, str]]) -> None:
    """Imports and loads through KMS's API; denials at create, in the middle and at load have their own answers."""
    data = tmp_path / "data"
    with running_kms() as (kms, url):
        environment = {
            "AWS_ENDPOINT_URL_KMS": url,
            "AWS_ACCESS_KEY_ID": "AKIAKMS",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        kms.alias("alias/outcrop", kms.make_key())
        mine, unseen, unmakeable = (kms.make_key() for _ in range(3))
        kms.keys[unseen].denied.add("DescribeKey")
        kms.keys[unmakeable].denied.add("GenerateDataKey")
        flags = ("--buckets", str(buckets), "--keys", "kms", "--kms-key", "alias/outcrop")

        with running_server(data, *flags, environment=environment) as server:
            job = server.ended(server.create_import("m", "s3://models/good/", importedModelKmsKeyId=mine))
            assert job["status"] == "Completed"
            with pytest.raises(ClientError, match=f"AccessDeniedException.*kms:DescribeKey on {unseen}"):
                server.create_import("unseen", "s3://models/good/", importedModelKmsKeyId=unseen)
            failed = server.ended(server.create_import("no", "s3://models/good/", importedModelKmsKeyId=unmakeable))
            assert failed["status"] == "Failed"
            assert f"kms:GenerateDataKey on {unmakeable}" in failed["failureMessage"]
        assert ("Decrypt", {"outcrop:model-arn": job["importedModelArn"]}) in kms.asked

        with running_server(data, *flags, environment=environment) as server:
            kms.keys[mine].denied.add("Decrypt")
            with pytest.raises(ClientError, match="AccessDeniedException"):
                ask(server, job["importedModelArn"], questions[0])
            kms.keys[mine].denied.clear()
            assert ask(server, job["importedModelArn"], questions[0])
        assert "Traceback" not in server.log()


def test_a_service_key_that_kms_does_not_have_stops_the_start(buckets: Path, tmp_path: Path) -> None:
    """With the setting's name; an operator's mistake is not a caller's."""
    with running_kms() as (_, url):
        environment = {"AWS_ENDPOINT_URL_KMS": url, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
        flags = ("--buckets", str(buckets), "--keys", "kms", "--kms-key", "alias/none")

        with (
            pytest.raises(RuntimeError, match=r"--kms-key: .*alias/none does not exist"),
            running_server(tmp_path / "data", *flags, environment=environment),
        ):
            pytest.fail("it started")
