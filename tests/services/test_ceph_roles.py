"""Roles on a real STS that enforces their policies: Ceph's RADOS gateway. One of them starts for all of this file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import make_llama
from tests.e2e.servers import RunningServer, running_server
from tests.services.ceph_rgw import S3Server, ceph_rgw, missing_programs
from tests.services.gate import gate_before
from tests.services.null_engine_server import null_engine_server

pytestmark = [pytest.mark.services]

PART_FROM = 8 << 20
"""Requests for so many bytes are a copy's; the checks read less."""
LIST, READ = "s3:ListBucket", "s3:GetObject"
MODELS = ("arn:aws:s3:::models", "arn:aws:s3:::models/*")
PLAIN = "arn:aws:iam:::role/"


@dataclass(kw_only=True)
class Store:
    """Ceph with two buckets of the same model, and how its roles are managed."""

    server: S3Server
    client: Any

    def make_role(self, name: str, *, actions: tuple[str, ...] = (LIST, READ), trusted: str = "owner") -> str:
        """Makes a role that may do these things with the bucket `models`; returns its ARN."""
        who = _policy(["sts:AssumeRole"], Principal={"AWS": [f"arn:aws:iam:::user/{trusted}"]})
        self.server.admin("role", "create", f"--role-name={name}", "--path=/", f"--assume-role-policy-doc={who}")
        what = _policy(list(actions), Resource=list(MODELS))
        self.server.admin("role-policy", "put", f"--role-name={name}", "--policy-name=p", f"--policy-doc={what}")
        return PLAIN + name

    def revoke(self, name: str) -> None:
        """Takes from a role what it may do; sessions that were given go on, and may do nothing."""
        self.server.admin("role-policy", "delete", f"--role-name={name}", "--policy-name=p")


def _policy(actions: list[str], **who_or_what: object) -> str:
    statement = {"Effect": "Allow", "Action": actions, **who_or_what}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Ceph, with a small model in `models` and in `others`; skips where it is not installed."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"no real STS: {', '.join(missing)} not installed (.ci/run installs Debian's packages)")
    model = make_llama(tmp_path_factory.mktemp("models") / "tiny")
    with ceph_rgw(tmp_path_factory.mktemp("ceph")) as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.url,
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
            region_name=server.region,
        )
        for bucket in ("models", "others"):
            client.create_bucket(Bucket=bucket)
            _upload(client, bucket, "m", model)
        yield Store(server=server, client=client)
        client.close()


def _upload(client: Any, bucket: str, prefix: str, model: Path) -> None:
    for path in model.iterdir():
        client.put_object(Bucket=bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes())


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """An engine that answers at once."""
    with null_engine_server() as url:
        yield url


@contextmanager
def outcrop(store: Store, engine: str, data: Path, **more: str) -> Iterator[RunningServer]:
    """A server before Ceph: its own key is the owner's, who may read everything."""
    flags = ("--engine", engine, "--log-format", "json")
    with running_server(data, *flags, environment={**store.server.environment, **more}) as server:
        yield server


@pytest.fixture(scope="module")
def server(store: Store, engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The server of most tests."""
    with outcrop(store, engine, tmp_path_factory.mktemp("roles") / "data") as running:
        yield running


_numbers = itertools.count(1)


def create(server: RunningServer, role: str, uri: str) -> str:
    """Starts an import as a role; returns the job's ARN."""
    name = f"model-{next(_numbers)}"
    created = server.client("bedrock").create_model_import_job(
        jobName=f"{name}-job",
        importedModelName=name,
        roleArn=role,
        modelDataSource={"s3DataSource": {"s3Uri": uri}},
    )
    return str(created["jobArn"])


def events(server: RunningServer, name: str) -> list[dict[str, Any]]:
    """The events of a name in the server's log."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def require_no_bytes(server: RunningServer, job: str) -> None:
    """Nothing of a job is in the vault."""
    assert [path for path in (server.data / "vault").rglob("*") if job.rpartition("/")[2] in path.parts] == []


def test_a_bucket_that_the_role_may_read_is_imported(store: Store, server: RunningServer) -> None:
    """In sessions that hold the job; the report says what it was read with."""
    role = store.make_role("Reader")

    job = server.ended(create(server, role, "s3://models/m/"))

    assert (job["status"], job.get("failureMessage")) == ("Completed", None)
    sessions = [event for event in events(server, "role_assumed") if event["job_arn"] == job["jobArn"]]
    assert {event["session_name"] for event in sessions} == {f"outcrop-{job['jobArn'].rpartition('/')[2]}"}
    assert "request_id" in sessions[0]
    assert {event["job_id"] for event in sessions[1:]} == {job["jobArn"].rpartition("/")[2]}
    access = server_report(server, job["jobArn"])["access"]
    assert access == {"read_with": "role", "role_arn": role}


def server_report(server: RunningServer, job: str) -> dict[str, Any]:
    """The report of a job, asked for as `outcrop jobs watch` does."""
    from outcrop.app.connect import running_server as found
    from outcrop.settings import Settings

    report: dict[str, Any] = found(Settings(data=server.data)).progress(job)["report"]
    return report


def test_a_bucket_that_the_role_may_not_read_fails_the_import(store: Store, server: RunningServer) -> None:
    """Role, action and bucket are named; that the server itself could read it is no help."""
    role = store.make_role("OfModelsOnly")

    job = server.ended(create(server, role, "s3://others/m/"))

    assert job["status"] == "Failed"
    assert job["failureMessage"] == (
        f"The role {role} may not list s3://others/m/: it lacks s3:ListBucket (403 AccessDenied)."
    )
    require_no_bytes(server, job["jobArn"])


@pytest.mark.parametrize("kind", ["unknown", "untrusting"])
def test_a_role_that_may_not_be_assumed_is_refused_at_once(store: Store, server: RunningServer, kind: str) -> None:
    """In AWS's words (SPEC 7.8.3), with the reason in the log; no job is made."""
    role = PLAIN + "Unknown" if kind == "unknown" else store.make_role("Untrusting", trusted="somebody-else")
    before = len(server.client("bedrock").list_model_import_jobs()["modelImportJobSummaries"])

    with pytest.raises(ClientError) as refused:
        create(server, role, "s3://models/m/")

    answer = refused.value.response
    assert answer["Error"] == {"Code": "ValidationException", "Message": "The provided role ARN is invalid"}
    assert len(server.client("bedrock").list_model_import_jobs()["modelImportJobSummaries"]) == before
    (logged,) = [event for event in events(server, "role_refused") if event["role_arn"] == role]
    assert logged["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert logged["code"] in ("404 NoSuchEntity", "403 AccessDenied")


def test_who_may_list_but_not_read_gets_no_model_of_what_is_stored_already(store: Store, server: RunningServer) -> None:
    """Sharing an artifact is reading its source: with the job's own role, whoever imported it before."""
    reader = store.make_role("FirstReader")
    first = server.ended(create(server, reader, "s3://models/m/"))
    stored = server.stored_bytes()
    shared = server.ended(create(server, store.make_role("SecondReader"), "s3://models/m/"))
    assert (first["status"], shared["status"], server.stored_bytes()) == ("Completed", "Completed", stored)
    role = store.make_role("Lister", actions=(LIST,))

    job = server.ended(create(server, role, "s3://models/m/"))

    assert job["status"] == "Failed"
    assert f"The role {role} may not read s3://models/m/" in job["failureMessage"]
    assert "it lacks s3:GetObject (403 AccessDenied)" in job["failureMessage"]
    assert "importedModelArn" not in job


def test_a_right_that_is_taken_away_in_mid_copy_ends_the_import(store: Store, engine: str, tmp_path: Path) -> None:
    """Some parts are in the vault, the rest waits at a gate while the policy goes; then nothing is left."""
    model = make_llama(tmp_path / "large", inner=24_000)
    weights = "/models/large/model.safetensors"
    _upload(store.client, "models", "large", model)
    role = store.make_role("Revoked")
    parts = itertools.count()
    with gate_before(store.server.url) as gate:
        gate.is_held = lambda path, size: path == weights and size >= PART_FROM and next(parts) > 0
        with outcrop(store, engine, tmp_path / "data", AWS_ENDPOINT_URL_S3=gate.url) as server:
            arn = create(server, role, "s3://models/large/")
            assert gate.somebody_waits.wait(120), server.log()
            store.revoke("Revoked")
            gate.is_open.set()

            job = server.ended(arn)

            assert job["status"] == "Failed"
            assert job["failureMessage"] == (
                f"The role {role} may not read s3:/{weights}: it lacks s3:GetObject (403 AccessDenied)."
            )
            require_no_bytes(server, arn)
            assert server.client("bedrock").list_imported_models()["modelSummaries"] == []
