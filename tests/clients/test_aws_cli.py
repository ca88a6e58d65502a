"""The AWS CLI as it comes from PyPI, configured by nothing but `outcrop env`.

It pins another botocore than ours and so lives in a virtual environment of its own, `.venv-awscli`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.servers import END_S, ROLE, RunningServer

pytestmark = [pytest.mark.engine]

VERSION = "1.46.3"
FOLDER = Path(__file__).parents[2] / ".venv-awscli"
INSTALL_S = 300.0
CALL_S = 120.0
CLIENT_ERROR = 255
NO_MODEL = "arn:aws:bedrock:us-east-1:000000000000:imported-model/aaaaaaaaaaaa"
SOURCE_OF_NOTHING = "s3DataSource={s3Uri=s3://models/nothing/}"


@dataclass(frozen=True, kw_only=True)
class AwsCli:
    """The command `aws`, in a given environment."""

    program: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Runs one command to its end, whatever that is; `changed` are environment variables."""
        environment = {**self.environment, **changed}
        command = [str(self.program), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CALL_S, check=False)

    def bedrock(self, *arguments: str) -> dict[str, Any]:
        """Runs a command of `aws bedrock` that succeeds; returns what it prints."""
        done = self.run("bedrock", *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        printed: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return printed

    def create(self, name: str, *arguments: str) -> str:
        """Starts an import of a model; returns the job's ARN."""
        names = ("--job-name", f"{name}-job", "--imported-model-name", name, "--role-arn", ROLE)
        return str(self.bedrock("create-model-import-job", *names, *arguments)["jobArn"])

    def ended(self, job: str) -> dict[str, Any]:
        """Polls a job until it has ended; returns its description."""
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            described = self.bedrock("get-model-import-job", "--job-identifier", job)
            if described["status"] != "InProgress":
                return described
        raise TimeoutError(f"{job} did not end")

    def job_names(self, *arguments: str) -> list[str]:
        """Lists jobs; returns their names in the order of the answer."""
        listed = self.bedrock("list-model-import-jobs", *arguments)
        return [found["jobName"] for found in listed["modelImportJobSummaries"]]

    def model_names(self, *arguments: str) -> list[str]:
        """Lists models; returns their names in the order of the answer."""
        listed = self.bedrock("list-imported-models", *arguments)
        return [found["modelName"] for found in listed["modelSummaries"]]


@pytest.fixture(scope="session")
def aws_program() -> Path:
    """The pinned AWS CLI; installed once, and again when the pin changes."""
    program, stamp = FOLDER / "bin" / "aws", FOLDER / "version"
    if not (stamp.exists() and stamp.read_text() == VERSION):
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True, timeout=INSTALL_S)
        (FOLDER / ".gitignore").write_text("*\n")
        install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", f"awscli=={VERSION}"]
        subprocess.run([FOLDER / "bin" / "python", *install], check=True, timeout=INSTALL_S)
        stamp.write_text(VERSION)
    return program


@pytest.fixture(scope="module")
def aws(aws_program: Path, client_environment: Mapping[str, str]) -> AwsCli:
    """The AWS CLI, pointed at the server."""
    return AwsCli(program=aws_program, environment=client_environment)


@pytest.fixture(scope="module")
def good(aws: AwsCli) -> dict[str, Any]:
    """The example, imported with everything in shorthand; the description of its job."""
    tags = ("--job-tags", "key=team,value=rocks", "--imported-model-tags", "key=team,value=rocks", "key=stage,value=x")
    return aws.ended(aws.create("good", "--model-data-source", "s3DataSource={s3Uri=s3://models/good/}", *tags))


@pytest.fixture(scope="module")
def failed(aws: AwsCli) -> list[dict[str, Any]]:
    """Three imports of nothing, in the order of their creation; the descriptions of their jobs."""
    names = ["nothing-1", "nothing-2", "nothing-3"]
    return [aws.ended(aws.create(name, "--model-data-source", SOURCE_OF_NOTHING)) for name in names]


def test_it_is_the_pinned_version(aws: AwsCli) -> None:
    """What is tested is the version that this file names."""
    done = aws.run("--version")

    assert done.stdout.startswith(f"aws-cli/{VERSION} ")


def test_an_import_described_in_shorthand_completes(good: dict[str, Any]) -> None:
    """The CLI's shorthand for structures and tags arrives as the same request as JSON does."""
    assert (good["status"], good["jobName"], good["importedModelName"]) == ("Completed", "good-job", "good")
    assert good["modelDataSource"] == {"s3DataSource": {"s3Uri": "s3://models/good/"}}
    assert good["roleArn"] == ROLE


def test_an_import_described_in_json_is_the_same(aws: AwsCli) -> None:
    """Structures and tags may be given as JSON."""
    source = json.dumps({"s3DataSource": {"s3Uri": "s3://models/elsewhere/"}})
    tags = json.dumps([{"key": "team", "value": "rocks + sand"}])

    arn = aws.create("json", "--model-data-source", source, "--job-tags", tags, "--imported-model-tags", tags)

    assert aws.ended(arn)["modelDataSource"] == json.loads(source)


def test_an_import_described_in_a_skeleton_is_the_same(aws: AwsCli, tmp_path: Path) -> None:
    """A whole request may come from a file, as `--generate-cli-skeleton` prints it."""
    request = {
        "jobName": "skeleton-job",
        "importedModelName": "skeleton",
        "roleArn": ROLE,
        "modelDataSource": {"s3DataSource": {"s3Uri": "s3://models/nothing/"}},
        "clientRequestToken": "skeleton-token",
    }
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request))

    first = aws.bedrock("create-model-import-job", "--cli-input-json", f"file://{path}")
    again = aws.bedrock("create-model-import-job", "--cli-input-json", f"file://{path}")

    assert first["jobArn"] == again["jobArn"]


def test_a_job_is_found_by_name_and_by_arn(aws: AwsCli, good: dict[str, Any]) -> None:
    """Both identifiers lead to the same description."""
    found = [aws.bedrock("get-model-import-job", "--job-identifier", each) for each in ("good-job", good["jobArn"])]

    assert found == [good, good]


def test_a_failed_import_says_why(failed: list[dict[str, Any]]) -> None:
    """A job that failed carries a message, and no model."""
    assert [job["status"] for job in failed] == ["Failed"] * 3
    assert "models/nothing" in failed[0]["failureMessage"]
    assert "importedModelArn" not in failed[0]


def test_jobs_are_filtered_and_sorted(aws: AwsCli, good: dict[str, Any], failed: list[dict[str, Any]]) -> None:
    """Each filter of ListModelImportJobs chooses, and sorting follows the creation time."""
    names = [job["jobName"] for job in failed]
    oldest_first = ("--name-contains", "nothing-", "--sort-by", "CreationTime", "--sort-order")

    assert aws.job_names("--status-equals", "Completed", "--name-contains", "good") == ["good-job"]
    assert aws.job_names("--status-equals", "Failed", "--name-contains", "good") == []
    assert aws.job_names(*oldest_first, "Ascending") == names
    assert aws.job_names(*oldest_first, "Descending") == names[::-1]
    # Each began after the one before it had ended.
    between = failed[0]["endTime"]
    assert aws.job_names("--name-contains", "nothing-", "--creation-time-before", between) == names[:1]
    assert set(aws.job_names("--name-contains", "nothing-", "--creation-time-after", between)) == set(names[1:])
    assert aws.job_names("--creation-time-after", "2100-01-01T00:00:00Z") == []
    assert good["jobName"] in aws.job_names("--creation-time-before", "2100-01-01T00:00:00Z")


@pytest.mark.parametrize("size", ["1", "2", "3", "1000"])
def test_every_page_is_followed(aws: AwsCli, failed: list[dict[str, Any]], size: str) -> None:
    """Whatever the page size, the CLI shows each job once."""
    ascending = ("--name-contains", "nothing-", "--sort-by", "CreationTime", "--sort-order", "Ascending")

    assert aws.job_names(*ascending, "--page-size", size) == [job["jobName"] for job in failed]


def test_a_list_is_taken_up_where_it_was_cut(aws: AwsCli, failed: list[dict[str, Any]]) -> None:
    """`--max-items` cuts a list and hands out a token that `--starting-token` goes on from."""
    query = ("list-model-import-jobs", "--name-contains", "nothing-", "--sort-order", "Ascending")

    names: list[str] = []
    page = aws.bedrock(*query, "--max-items", "1")
    names += [found["jobName"] for found in page["modelImportJobSummaries"]]
    while "NextToken" in page:
        page = aws.bedrock(*query, "--max-items", "1", "--starting-token", page["NextToken"])
        names += [found["jobName"] for found in page["modelImportJobSummaries"]]

    assert names == [job["jobName"] for job in failed]


def test_one_page_can_be_asked_for(aws: AwsCli, failed: list[dict[str, Any]]) -> None:
    """`--no-paginate` with the service's own parameters shows its page and its token."""
    query = ("list-model-import-jobs", "--no-paginate", "--name-contains", "nothing-", "--max-results", "2")

    first = aws.bedrock(*query)
    second = aws.bedrock(*query, "--next-token", first["nextToken"])

    found = [job["jobName"] for page in (first, second) for job in page["modelImportJobSummaries"]]
    assert sorted(found) == [job["jobName"] for job in failed]
    assert "nextToken" not in second


def test_a_model_is_found_by_name_and_by_arn(aws: AwsCli, good: dict[str, Any]) -> None:
    """Both identifiers lead to the model of the job."""
    arn = good["importedModelArn"]

    found = [aws.bedrock("get-imported-model", "--model-identifier", each) for each in ("good", arn)]

    assert found[0] == found[1]
    assert (found[0]["modelArn"], found[0]["jobArn"]) == (arn, good["jobArn"])
    assert (found[0]["modelArchitecture"], found[0]["instructSupported"]) == ("llama", True)


def test_models_are_listed_and_filtered(aws: AwsCli, good: dict[str, Any]) -> None:
    """Each filter of ListImportedModels chooses."""
    assert aws.model_names("--name-contains", "goo", "--page-size", "1") == [good["importedModelName"]]
    assert aws.model_names("--name-contains", "bad") == []
    assert aws.model_names("--creation-time-after", "2100-01-01T00:00:00Z") == []


def test_a_model_answers(aws: AwsCli, good: dict[str, Any], questions: list[dict[str, str]], tmp_path: Path) -> None:
    """`invoke-model` writes the reply's body to the file and shows its content type."""
    first, reply = questions[0], tmp_path / "reply.json"
    body = {"messages": [{"role": "user", "content": first["question"]}], "max_tokens": 80, "temperature": 0}

    model = ("--model-id", good["importedModelArn"])
    done = aws.run("bedrock-runtime", "invoke-model", *model, "--body", json.dumps(body), str(reply))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contentType"] == "application/json"
    assert json.loads(reply.read_text())["choices"][0]["message"]["content"] == first["answer"]


def test_a_deleted_model_is_gone(aws: AwsCli) -> None:
    """`delete-imported-model` prints nothing; afterwards the model is neither listed nor found."""
    job = aws.ended(aws.create("gone", "--model-data-source", "s3DataSource={s3Uri=s3://models/good/}"))
    assert "gone" in aws.model_names()

    done = aws.run("bedrock", "delete-imported-model", "--model-identifier", job["importedModelArn"])

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "gone" not in aws.model_names()
    again = aws.run("bedrock", "delete-imported-model", "--model-identifier", "gone")
    assert (again.returncode, "(ResourceNotFoundException)" in again.stderr) == (CLIENT_ERROR, True)


@pytest.mark.parametrize(
    ("arguments", "operation"),
    [
        ("bedrock get-model-import-job --job-identifier missing", "GetModelImportJob"),
        ("bedrock get-imported-model --model-identifier missing", "GetImportedModel"),
        ("bedrock delete-imported-model --model-identifier missing", "DeleteImportedModel"),
        (f"bedrock-runtime invoke-model --body {{}} --model-id {NO_MODEL} -", "InvokeModel"),
    ],
)
def test_what_is_missing_is_said_to_be(aws: AwsCli, arguments: str, operation: str) -> None:
    """A missing job or model: HTTP 404, the modelled code in stderr, and the CLI's exit status for a refusal."""
    done = aws.run(*arguments.split(), "--debug")

    assert (done.returncode, done.stdout) == (CLIENT_ERROR, "")
    assert f"An error occurred (ResourceNotFoundException) when calling the {operation} operation: " in done.stderr
    assert ' HTTP/1.1" 404 ' in done.stderr


def test_a_name_that_is_taken_is_refused(aws: AwsCli, failed: list[dict[str, Any]]) -> None:
    """A second job of the same name: ConflictException."""
    names = ("--job-name", failed[0]["jobName"], "--imported-model-name", "other", "--role-arn", ROLE)

    done = aws.run("bedrock", "create-model-import-job", *names, "--model-data-source", SOURCE_OF_NOTHING)

    assert (done.returncode, "(ConflictException)" in done.stderr) == (CLIENT_ERROR, True), done.stderr


def test_a_wrong_value_is_refused_with_its_place(aws: AwsCli) -> None:
    """A value that the CLI lets through and the model forbids: ValidationException, naming the member."""
    names = ("--job-name", "not a name", "--imported-model-name", "other", "--role-arn", ROLE)

    done = aws.run("bedrock", "create-model-import-job", *names, "--model-data-source", SOURCE_OF_NOTHING)

    assert (done.returncode, "(ValidationException)" in done.stderr) == (CLIENT_ERROR, True), done.stderr
    assert "'jobName'" in done.stderr


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"}, "UnrecognizedClientException"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
        ({"AWS_SESSION_TOKEN": "unknown"}, "UnrecognizedClientException"),
    ],
)
def test_a_wrong_key_is_refused(aws: AwsCli, changed: dict[str, str], code: str) -> None:
    """A key, a secret or a session token that the server does not know: AWS's own code for it."""
    done = aws.run("bedrock", "list-imported-models", **changed)

    assert (done.returncode, f"({code})" in done.stderr) == (CLIENT_ERROR, True), done.stderr


def test_nothing_went_wrong_inside(server: RunningServer, good: dict[str, Any]) -> None:
    """No request of the CLI made the server log a trace."""
    assert good["status"] == "Completed"
    assert "Traceback" not in server.log()
