"""Users, what their policies allow, how much and how fast they may call, and what the audit log tells of it."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.servers import OUTCROP, ROLE, RunningServer, running_server

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def guarded(buckets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that accepts imports and works on none, so that each stays in progress."""
    data = tmp_path_factory.mktemp("access") / "data"
    flags = ("--buckets", str(buckets), "--no-worker", "--quota-jobs", "3", "--throttle", "ListImportedModels=0.01:5")
    with running_server(data, *flags) as server:
        yield server


def access(server: RunningServer, *arguments: str) -> str:
    """Runs `outcrop access …` on the server's data folder; returns what it printed."""
    done = outcrop("access", *arguments, "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    return done.stdout


def outcrop(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run([*OUTCROP, *arguments], capture_output=True, text=True, timeout=60, check=False)


def user(server: RunningServer, name: str, *statements: dict[str, Any], policy: str = "") -> Any:
    """A boto3 client of a new user, who has this policy."""
    if statements:
        document = server.data / f"{name}.json"
        document.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
        policy = str(document)
    return client(server, access(server, "create", name, *(["--policy", policy] if policy else [])))


def client(server: RunningServer, exports: str) -> Any:
    """A boto3 client with the key of export lines."""
    found = dict(line.removeprefix("export ").split("=", 1) for line in exports.splitlines())
    session = boto3.Session(
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"].strip("'"),
        region_name=server.variables["AWS_REGION"],
    )
    made = session.client("bedrock", endpoint_url=server.variables["AWS_ENDPOINT_URL_BEDROCK"], config=ONCE)
    server.clients[exports] = made
    return made


def create(bedrock: Any, name: str, **more: Any) -> str:
    """Starts an import."""
    made: str = bedrock.create_model_import_job(
        jobName=f"{name}-job",
        importedModelName=name,
        roleArn=ROLE,
        modelDataSource={"s3DataSource": {"s3Uri": "s3://models/good/"}},
        **more,
    )["jobArn"]
    return made


def refusal(call: Any, *arguments: Any, **members: Any) -> tuple[int, str, str]:
    """Status, code and message of a call that is refused."""
    with pytest.raises(ClientError) as raised:
        call(*arguments, **members)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_a_new_user_may_do_nothing(guarded: RunningServer) -> None:
    """Its key works at once, and the refusal is AWS's."""
    nobody = user(guarded, "nobody")

    status, code, message = refusal(nobody.list_model_import_jobs)

    assert (status, code) == (403, "AccessDeniedException")
    assert message == (
        "User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: bedrock:ListModelImportJobs on "
        "resource: arn:aws:bedrock:us-east-1:000000000000:model-import-job/* because no identity-based policy allows "
        "the bedrock:ListModelImportJobs action"
    )


def test_a_policy_allows_what_it_says_and_no_more(guarded: RunningServer) -> None:
    """AWS's sample of a caller's policy (SPEC 6.3.1), with iam:PassRole on one role only."""
    ana = user(
        guarded,
        "ana",
        {
            "Effect": "Allow",
            "Action": ["bedrock:CreateModelImportJob", "bedrock:ListModelImportJobs", "bedrock:GetModelImportJob"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": ROLE,
            "Condition": {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}},
        },
        {
            "Effect": "Allow",
            "Action": "bedrock:TagResource",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestTag/team": "rocks"}},
        },
    )
    job = create(ana, "anas", jobTags=[{"key": "team", "value": "rocks"}])

    assert ana.get_model_import_job(jobIdentifier="anas-job")["jobArn"] == job
    other_role = {"roleArn": "arn:aws:iam::000000000000:role/admin"}
    assert (
        "iam:PassRole on resource: arn:aws:iam::000000000000:role/admin"
        in (
            refusal(
                ana.create_model_import_job,
                jobName="x",
                importedModelName="x",
                modelDataSource={"s3DataSource": {"s3Uri": "s3://models/good/"}},
                **other_role,
            )[2]
        )
    )
    assert refusal(create, ana, "other", jobTags=[{"key": "team", "value": "sand"}])[1] == "AccessDeniedException"
    assert refusal(ana.delete_imported_model, modelIdentifier="anas")[1] == "AccessDeniedException"
    names = [item["jobName"] for item in guarded.client("bedrock").list_model_import_jobs()["modelImportJobSummaries"]]
    assert names == ["anas-job"]


def test_a_tag_opens_and_an_explicit_deny_closes(guarded: RunningServer) -> None:
    """aws:ResourceTag, changed by somebody else; and a deny that no allow outweighs."""
    root = guarded.client("bedrock")
    job = create(root, "tagged", jobTags=[{"key": "owner", "value": "bob"}])
    bob = user(
        guarded,
        "bob",
        {
            "Effect": "Allow",
            "Action": "bedrock:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/owner": "bob"}},
        },
        {"Effect": "Deny", "Action": "bedrock:UntagResource", "Resource": "*"},
    )

    assert bob.get_model_import_job(jobIdentifier="tagged-job")["jobArn"] == job
    assert (
        "with an explicit deny in an identity-based policy"
        in (refusal(bob.untag_resource, resourceARN=job, tagKeys=["owner"])[2])
    )
    root.tag_resource(resourceARN=job, tags=[{"key": "owner", "value": "eve"}])
    assert refusal(bob.get_model_import_job, jobIdentifier="tagged-job")[1] == "AccessDeniedException"
    # Whether a job of this name exists is not told to who may not see every job.
    assert refusal(bob.get_model_import_job, jobIdentifier="no-such-job")[1] == "AccessDeniedException"


def test_changes_reach_a_running_server(guarded: RunningServer) -> None:
    """A policy, a second key, a key that is taken away, a user who is deleted."""
    exports = access(guarded, "create", "carl", "--policy", "read")
    carl = client(guarded, exports)
    carl.list_model_import_jobs()
    second = client(guarded, access(guarded, "add-key", "carl"))
    second.list_model_import_jobs()

    first_id = exports.splitlines()[0].removeprefix("export AWS_ACCESS_KEY_ID=")
    assert first_id in access(guarded, "list")
    access(guarded, "remove-key", "carl", first_id)
    assert eventually_refused(carl.list_model_import_jobs) == "UnrecognizedClientException"
    second.list_model_import_jobs()
    access(guarded, "policy", "carl", "invoke")
    access(guarded, "delete", "carl")
    assert eventually_refused(second.list_model_import_jobs) == "UnrecognizedClientException"


def eventually_refused(call: Any) -> str:
    """The code with which a call is refused, within the second that a change may take."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        time.sleep(0.1)
    return "still allowed"


def test_the_quota_of_jobs_holds(guarded: RunningServer) -> None:
    """ServiceQuotaExceededException, 400; a repeated request is answered all the same."""
    root = guarded.client("bedrock")
    unended = len(root.list_model_import_jobs(statusEquals="InProgress")["modelImportJobSummaries"])
    last = ""
    for number in range(unended, 3):
        last = create(root, f"quota-{number}", clientRequestToken=f"token-{number}")

    status, code, message = refusal(create, root, "one-more")

    assert (status, code) == (400, "ServiceQuotaExceededException")
    assert "Concurrent model import jobs" in message
    assert create(root, "quota-2", clientRequestToken="token-2") == last


def test_who_is_too_fast_is_throttled(guarded: RunningServer) -> None:
    """ThrottlingException, 429; other operations go on."""
    ema = user(guarded, "ema", policy="read")
    codes = []
    for _ in range(7):
        try:
            ema.list_imported_models()
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    assert codes
    assert set(codes) == {"ThrottlingException"}
    ema.list_model_import_jobs()


def test_the_audit_log_tells_every_call(guarded: RunningServer) -> None:
    """Who asked for what and how it ended, refusals included; readable by the server's owner only."""
    fay = user(guarded, "fay", policy="read")
    fay.list_model_import_jobs()
    refusal(fay.delete_imported_model, modelIdentifier="m")
    stranger = client(guarded, "export AWS_ACCESS_KEY_ID=AKIANOBODY\nexport AWS_SECRET_ACCESS_KEY=x")
    refusal(stranger.list_model_import_jobs)

    path = guarded.data / "audit.jsonl"
    deadline = time.monotonic() + 5
    # A line is written once its call has been answered.
    while "UnrecognizedClient" not in (text := path.read_text()).splitlines()[-1]:
        assert time.monotonic() < deadline
    records = [json.loads(line) for line in text.splitlines()]

    assert path.stat().st_mode & 0o077 == 0
    mine = [record for record in records if record["userIdentity"].get("userName") == "fay"]
    assert [(record["eventName"], record.get("errorCode")) for record in mine] == [
        ("ListModelImportJobs", None),
        ("DeleteImportedModel", "AccessDeniedException"),
    ]
    assert (records[-1]["userIdentity"], records[-1]["errorCode"]) == (
        {"type": "Unknown"},
        "UnrecognizedClientException",
    )
    assert all(record["userAgent"].startswith("Boto3/") for record in mine)


def test_a_policy_that_would_not_be_obeyed_is_refused(guarded: RunningServer) -> None:
    """With the place, and the old one stays."""
    user(guarded, "gus", policy="read")
    document = guarded.data / "strange.json"
    document.write_text(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "NotAction": "bedrock:Delete*", "Resource": "*"}],
            }
        )
    )

    done = outcrop("access", "policy", "gus", str(document), "--data", str(guarded.data))

    assert done.returncode == 1
    assert "NotAction" in done.stderr
    assert "bedrock:Get*" in access(guarded, "policy", "gus")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--throttle", "NoSuchOperation=1"), "NoSuchOperation"),
        (("--throttle", "InvokeModel=fast"), "--throttle"),
        (("--quota-jobs", "-1"), "--quota-jobs"),
    ],
)
def test_limits_that_cannot_work_stop_start_up(tmp_path: Path, flags: tuple[str, str], told: str) -> None:
    """One line names the setting."""
    done = outcrop("serve", "--data", str(tmp_path), "--port", "0", *flags)

    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
