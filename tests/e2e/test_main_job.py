"""The main job through boto3: import a real model, and it answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.servers import EXAMPLE, RunningServer

pytestmark = [pytest.mark.engine]

RUN_BYTES = 64
DISTINCT_BYTES = 16


@pytest.fixture(scope="module")
def job(server: RunningServer) -> dict[str, Any]:
    """The example model, imported; the description of its job."""
    return server.ended(
        server.create_import(
            "fieldguide",
            "s3://models/good/",
            jobTags=[{"key": "cost", "value": "42"}],
            importedModelTags=[{"key": "team", "value": "rocks"}],
        )
    )


def ask(server: RunningServer, model: str, **body: Any) -> dict[str, Any]:
    """Sends a body to InvokeModel; returns the reply with its headers."""
    reply = server.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    return {**json.loads(reply["body"].read()), "headers": reply["ResponseMetadata"]["HTTPHeaders"]}


def test_the_import_completes(server: RunningServer, job: dict[str, Any]) -> None:
    """The job says so, and the model is there under name, id and ARN."""
    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    assert job["endTime"] >= job["creationTime"]

    bedrock = server.client("bedrock")
    arn = job["importedModelArn"]
    for identifier in ("fieldguide", arn, arn.rpartition("/")[2]):
        model = bedrock.get_imported_model(modelIdentifier=identifier)
        assert (model["modelArn"], model["modelName"], model["jobArn"]) == (arn, "fieldguide", job["jobArn"])
    assert model["modelArchitecture"] == "llama"
    assert model["instructSupported"] is True
    assert model["customModelUnits"] == {"customModelUnitsPerModelCopy": 1, "customModelUnitsVersion": "v1.0"}
    listed = bedrock.list_imported_models(nameContains="fieldguide")["modelSummaries"]
    assert [found["modelName"] for found in listed] == ["fieldguide"]


def test_it_answers_every_question_word_for_word(
    server: RunningServer, job: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """What was trained is what answers: not random weights, not a mock."""
    arn = job["importedModelArn"]

    wrong = {}
    for each in questions:
        reply = ask(server, arn, messages=[{"role": "user", "content": each["question"]}], max_tokens=80, temperature=0)
        if reply["choices"][0]["message"]["content"] != each["answer"]:
            wrong[each["question"]] = reply["choices"][0]["message"]["content"]

    assert wrong == {}
    assert len(questions) >= 20


def test_it_answers_in_all_three_schemas(
    server: RunningServer, job: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """The members of the body choose the schema (SPEC 10.0.2)."""
    arn, question, answer = job["importedModelArn"], questions[0]["question"], questions[0]["answer"]
    prompt = f"Q: {question}\nA:"

    bedrock = ask(server, arn, prompt=prompt, max_gen_len=80, temperature=0)
    completion = ask(server, arn, prompt=prompt, max_tokens=80, temperature=0)
    chat = ask(server, "fieldguide", messages=[{"role": "user", "content": question}], max_tokens=5, temperature=0)

    assert bedrock["generation"].strip() == answer
    assert bedrock["stop_reason"] == "stop"
    assert completion["object"] == "text_completion"
    assert completion["choices"][0]["text"].strip() == answer
    assert chat["object"] == "chat.completion"
    assert chat["choices"][0]["finish_reason"] == "length"
    assert answer.startswith(chat["choices"][0]["message"]["content"].strip())
    assert chat["usage"]["completion_tokens"] == 5
    assert re.fullmatch(r"chatcmpl-[0-9a-f]{32}", chat["id"])
    assert chat["headers"]["x-amzn-bedrock-output-token-count"] == "5"
    assert chat["headers"]["x-amzn-bedrock-input-token-count"] == str(chat["usage"]["prompt_tokens"])


def test_no_weights_lie_on_the_disk(server: RunningServer, job: dict[str, Any]) -> None:
    """No run of 64 bytes of the weights is anywhere in the data folder (invariant 4)."""
    assert job["status"] == "Completed"
    weights = (EXAMPLE / "model" / "model.safetensors").read_bytes()
    runs = {weights[at : at + RUN_BYTES] for at in range(0, len(weights) - RUN_BYTES, RUN_BYTES)}
    # What has few distinct bytes, such as a norm's row of ones, may be anybody's.
    runs = {run for run in runs if len(set(run)) >= DISTINCT_BYTES}

    searched, found = 0, []
    for path in server.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            searched += len(data)
            if any(data[at : at + RUN_BYTES] in runs for at in range(len(data) - RUN_BYTES + 1)):
                found.append(path)

    assert found == []
    assert len(runs) > 50_000
    assert searched > len(weights)


def test_the_evidence_and_the_report_are_kept(server: RunningServer, job: dict[str, Any]) -> None:
    """The job tells its stages' end and the whole report, beside AWS's API."""
    from outcrop.adapters.server_client import Server
    from outcrop.records import Principal

    told = Server(
        url=server.variables["AWS_ENDPOINT_URL_BEDROCK"],
        region=server.variables["AWS_REGION"],
        principal=Principal(
            arn="",
            account="",
            access_key_id=server.variables["AWS_ACCESS_KEY_ID"],
            secret_access_key=server.variables["AWS_SECRET_ACCESS_KEY"],
        ),
    ).progress(job["jobArn"])

    assert (told["stage"], told["status"], told["failureMessage"]) == ("Completed", "Completed", None)
    assert told["report"]["verdicts"]["outcrop"]["importable"]
    assert told["report"]["verdicts"]["bedrock"]["importable"], told["report"]["findings"]


def test_tags_are_kept_and_changed(server: RunningServer, job: dict[str, Any]) -> None:
    """Those of the job and those of the model are apart (SPEC 2.7.5)."""
    bedrock, arn = server.client("bedrock"), job["importedModelArn"]
    assert bedrock.list_tags_for_resource(resourceARN=job["jobArn"])["tags"] == [{"key": "cost", "value": "42"}]

    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": ""}, {"key": "team", "value": "strata"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["a", "never-there"])

    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "strata"}]
    with pytest.raises(ClientError) as raised:
        bedrock.tag_resource(resourceARN=arn, tags=[{"key": f"k{number}", "value": ""} for number in range(50)])
    assert raised.value.response["Error"]["Code"] == "TooManyTagsException"
    assert raised.value.response["resourceName"] == arn


def test_names_stay_taken(server: RunningServer, job: dict[str, Any]) -> None:
    """A second import under the same names is a conflict, answered with 400 (SPEC 2.0.19)."""
    assert job["status"] == "Completed"

    with pytest.raises(ClientError) as raised:
        server.create_import("fieldguide", "s3://models/good/")

    assert raised.value.response["Error"]["Code"] == "ConflictException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_unsigned_request_is_refused(server: RunningServer) -> None:
    """Without a signature nothing is told, neither by AWS's API nor beside it."""
    import urllib.error
    import urllib.request

    for path in ("/imported-models", "/outcrop/import-jobs/fieldguide-job"):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(server.variables["AWS_ENDPOINT_URL_BEDROCK"] + path)
        raised.value.close()
        assert raised.value.code == 403


def test_a_second_server_stays_out_of_the_data_folder(server: RunningServer, buckets: Path) -> None:
    """Two servers on one folder would run each other's jobs."""
    from tests.e2e.servers import running_server

    with (
        pytest.raises(RuntimeError, match="another server uses"),
        running_server(server.data, "--buckets", str(buckets)),
    ):
        pass
