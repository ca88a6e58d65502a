"""The AWS SDK for JavaScript as it comes from npm, with default settings: HTTP/1.1 for control, HTTP/2 for the runtime.

It is installed into `.node` at the repository's root. Node has no part in Outcrop, so these tests skip without it.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import END_S, ROLE, RunningServer

pytestmark = [pytest.mark.engine]

SOURCE = Path(__file__).parent / "javascript"
FOLDER = Path(__file__).parents[2] / ".node"
OLDEST_NODE = 20
INSTALL_S = 300.0
CALL_S = 120.0
POLL_S = 0.2
MANY = 8
PADDING_BYTES = 4_000_000
NO_MODEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/aaaaaaaaaaaa"


@dataclass(frozen=True, kw_only=True)
class JavaScript:
    """The SDK's clients, each call in a process of its own."""

    environment: Mapping[str, str]

    def send(self, call: str, *inputs: dict[str, Any], page_size: int = 1) -> dict[str, Any]:
        """Sends one operation with several inputs at once; returns the client's protocol and what came of each."""
        request = json.dumps({"call": call, "inputs": inputs, "pageSize": page_size})
        done = subprocess.run(
            ["node", "client.mjs"],
            cwd=FOLDER,
            env=dict(self.environment),
            input=request,
            capture_output=True,
            text=True,
            timeout=CALL_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    def output(self, call: str, **members: Any) -> dict[str, Any]:
        """Sends one request that succeeds; returns its output."""
        (outcome,) = self.send(call, members)["outcomes"]
        assert "error" not in outcome, outcome
        output: dict[str, Any] = outcome["output"]
        return output

    def error(self, call: str, **members: Any) -> dict[str, Any]:
        """Sends one request that is refused; returns the error."""
        (outcome,) = self.send(call, members)["outcomes"]
        error: dict[str, Any] = outcome["error"]
        return error

    def create(self, name: str, uri: str) -> str:
        """Starts an import of a model; returns the job's ARN."""
        tags = [{"key": "team", "value": "rocks + sand"}]
        created = self.output(
            "CreateModelImportJob",
            jobName=f"{name}-job",
            importedModelName=name,
            roleArn=ROLE,
            modelDataSource={"s3DataSource": {"s3Uri": uri}},
            jobTags=tags,
            importedModelTags=tags,
        )
        return str(created["jobArn"])

    def ended(self, job: str) -> dict[str, Any]:
        """Polls a job until it has ended; returns its description."""
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            described = self.output("GetModelImportJob", jobIdentifier=job)
            if described["status"] != "InProgress":
                return described
            time.sleep(POLL_S)
        raise TimeoutError(f"{job} did not end")


@pytest.fixture(scope="session")
def installed() -> None:
    """The pinned SDK in its folder, beside a copy of our program; installed again when package.json changes."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no JavaScript: {', '.join(missing)} not installed")
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True, timeout=CALL_S).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"no JavaScript: the SDK needs node {OLDEST_NODE} or newer, and this is {version.strip()}")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    wanted, stamp = (SOURCE / "package.json").read_text(), FOLDER / "installed.json"
    if not (stamp.exists() and stamp.read_text() == wanted):
        stamp.unlink(missing_ok=True)
        shutil.copy(SOURCE / "package.json", FOLDER)
        # No lock file: it would record where this machine's registry is.
        flags = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(["npm", "install", *flags], cwd=FOLDER, check=True, timeout=INSTALL_S)
        stamp.write_text(wanted)
    # Node looks for packages beside the program's file.
    shutil.copy(SOURCE / "client.mjs", FOLDER)


@pytest.fixture(scope="module")
def javascript(installed: None, client_environment: Mapping[str, str]) -> JavaScript:  # noqa: ARG001
    """The SDK, pointed at the server."""
    return JavaScript(environment=client_environment)


@pytest.fixture(scope="module")
def good(javascript: JavaScript) -> dict[str, Any]:
    """The example, imported; the description of its job."""
    return javascript.ended(javascript.create("good", "s3://models/good/"))


@pytest.fixture(scope="module")
def failed(javascript: JavaScript) -> list[str]:
    """Three imports of nothing, in the order of their creation; the names of their jobs."""
    for name in ("nothing-1", "nothing-2", "nothing-3"):
        javascript.create(name, "s3://models/nothing/")
    return ["nothing-1-job", "nothing-2-job", "nothing-3-job"]


def body_for(question: str) -> str:
    """The body of a greedy chat request."""
    return json.dumps({"messages": [{"role": "user", "content": question}], "max_tokens": 80, "temperature": 0})


def answer_in(output: dict[str, Any]) -> str:
    """What the model said in the output of InvokeModel."""
    return str(json.loads(output["body"])["choices"][0]["message"]["content"])


def test_an_import_completes(good: dict[str, Any]) -> None:
    """A job made by the SDK is described as it was asked for; its times are times."""
    assert (good["status"], good["jobName"], good["importedModelName"]) == ("Completed", "good-job", "good")
    assert good["modelDataSource"] == {"s3DataSource": {"s3Uri": "s3://models/good/"}}
    assert good["endTime"] > good["creationTime"]
    assert good["$metadata"]["requestId"]


def test_a_model_is_found_by_name_and_by_arn(javascript: JavaScript, good: dict[str, Any]) -> None:
    """Both identifiers lead to the model of the job; the ARN travels percent-encoded."""
    arn = good["importedModelArn"]

    found = [javascript.output("GetImportedModel", modelIdentifier=each) for each in ("good", arn)]

    assert [model["modelArn"] for model in found] == [arn, arn]
    assert (found[0]["modelArchitecture"], found[0]["instructSupported"]) == ("llama", True)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_paginator_follows_every_page(javascript: JavaScript, failed: list[str], size: int) -> None:
    """Whatever the page size, the paginator yields each job once, in order."""
    query = {"nameContains": "nothing-", "sortBy": "CreationTime", "sortOrder": "Ascending"}

    (outcome,) = javascript.send("paginateListModelImportJobs", query, page_size=size)["outcomes"]

    pages = outcome["output"]["pages"]
    assert [job["jobName"] for page in pages for job in page["modelImportJobSummaries"]] == failed
    assert len(pages) == {1: 3, 2: 2, 1000: 1}[size]


def test_models_are_paginated_and_filtered(javascript: JavaScript, good: dict[str, Any]) -> None:
    """ListImportedModels has a paginator too; dates are filters."""
    queries = ({"nameContains": "good"}, {"nameContains": "good", "creationTimeAfter": "2100-01-01T00:00:00Z"})

    outcomes = [javascript.send("paginateListImportedModels", query)["outcomes"][0] for query in queries]

    names = [[m["modelName"] for page in o["output"]["pages"] for m in page["modelSummaries"]] for o in outcomes]
    assert names == [[good["importedModelName"]], []]


def test_a_model_answers_over_http_2(
    javascript: JavaScript, good: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """The runtime client speaks HTTP/2 unasked, and the model answers word for word."""
    request = {"modelId": good["importedModelArn"], "body": body_for(questions[0]["question"])}

    sent = javascript.send("InvokeModel", request)

    assert sent["protocol"] == "h2"
    assert answer_in(sent["outcomes"][0]["output"]) == questions[0]["answer"]


def test_one_connection_carries_many_requests(
    javascript: JavaScript, good: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """Requests that are sent at once through one client each get their own answer."""
    asked = questions[:MANY]
    requests = [{"modelId": good["importedModelArn"], "body": body_for(each["question"])} for each in asked]

    sent = javascript.send("InvokeModel", *requests)

    assert [answer_in(outcome["output"]) for outcome in sent["outcomes"]] == [each["answer"] for each in asked]


@pytest.mark.parametrize(
    ("call", "members"),
    [
        ("GetModelImportJob", {"jobIdentifier": "missing"}),
        ("GetImportedModel", {"modelIdentifier": "missing"}),
        ("DeleteImportedModel", {"modelIdentifier": "missing"}),
        ("InvokeModel", {"modelId": NO_MODEL, "body": "{}"}),
    ],
)
def test_what_is_missing_is_a_modelled_error(javascript: JavaScript, call: str, members: dict[str, Any]) -> None:
    """A missing job or model becomes the SDK's own class, with its status and a request id."""
    error = javascript.error(call, **members)

    assert (error["name"], error["class"]) == ("ResourceNotFoundException", "ResourceNotFoundException")
    assert (error["status"], error["fault"]) == (404, "client")
    assert error["message"]
    assert error["requestId"]


def test_a_wrong_value_is_a_modelled_error(javascript: JavaScript) -> None:
    """The SDK checks no patterns: the server refuses, and names the member."""
    error = javascript.error("GetModelImportJob", jobIdentifier="not a name")

    assert (error["class"], error["status"]) == ("ValidationException", 400)
    assert "'jobIdentifier'" in error["message"]


def test_a_body_of_many_windows_arrives_over_http_2(
    javascript: JavaScript, good: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """Megabytes of blanks around a question: flow control delivers them all, or the signature would not hold."""
    body = " " * PADDING_BYTES + body_for(questions[0]["question"])

    output = javascript.output("InvokeModel", modelId=good["importedModelArn"], body=body)

    assert answer_in(output) == questions[0]["answer"]


def test_a_deleted_model_is_gone(javascript: JavaScript) -> None:
    """After DeleteImportedModel the model is neither found nor listed."""
    arn = javascript.ended(javascript.create("gone", "s3://models/good/"))["importedModelArn"]

    javascript.output("DeleteImportedModel", modelIdentifier=arn)

    assert javascript.error("GetImportedModel", modelIdentifier=arn)["name"] == "ResourceNotFoundException"
    listed = javascript.output("ListImportedModels", nameContains="gone")
    assert listed["modelSummaries"] == []


def test_nothing_went_wrong_inside(server: RunningServer, good: dict[str, Any]) -> None:
    """No request of the SDK made the server log a trace."""
    assert good["status"] == "Completed"
    assert "Traceback" not in server.log()


def test_a_conversation_is_answered_and_streamed(
    javascript: JavaScript, good: dict[str, Any], questions: list[dict[str, str]]
) -> None:
    """Over HTTP/2 the events arrive one by one, and add up to the whole answer."""
    question, expected = questions[0]["question"], questions[0]["answer"]
    members = {
        "modelId": good["importedModelArn"],
        "messages": [{"role": "user", "content": [{"text": question}]}],
        "inferenceConfig": {"maxTokens": 80, "temperature": 0},
    }

    whole = javascript.output("Converse", **members)
    events = javascript.output("ConverseStream", **members)["events"]

    said = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert whole["output"]["message"] == {"role": "assistant", "content": [{"text": expected}]}
    assert "".join(said) == expected
    assert len(said) > 3
    assert events[-1]["metadata"]["usage"]["totalTokens"] == whole["usage"]["totalTokens"]


def test_a_prompt_is_streamed(javascript: JavaScript, good: dict[str, Any]) -> None:
    """The last chunk has the metrics."""
    body = json.dumps({"prompt": "Q: What is a sill?\nA:", "max_gen_len": 8, "temperature": 0})

    chunks = javascript.output("InvokeModelWithResponseStream", modelId=good["importedModelArn"], body=body)["events"]

    assert "".join(chunk["generation"] for chunk in chunks)
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == chunks[-1]["generation_token_count"]
