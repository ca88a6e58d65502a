"""How roles are asked for at an STS, and what each of its answers means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import boto3
import botocore.session
import pytest
from structlog.testing import capture_logs
from tests.contract.sts_server import Role, Sts, error_xml, running_sts
from tests.contract.test_roles import open_sts
from tests.samples import sample_job

from outcrop.adapters.roles_sts import AWAY, NO_STS, OURS, POLICY_REFUSED, SessionRules, StsRoles
from outcrop.errors import RoleRefusedError, UnavailableError
from outcrop.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

JOB = sample_job(source_uri="s3://models/team a/")
ROLE = JOB.request.role_arn
CLOCK = FakeClock()
HALF = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId></Credentials></AssumeRoleResult>"
    "</AssumeRoleResponse>"
)


@pytest.fixture
def server() -> Iterator[tuple[Sts, str]]:
    """An STS that knows the job's role."""
    with running_sts() as (sts, url):
        sts.now = CLOCK.now
        sts.roles[ROLE] = Role()
        yield sts, url


async def test_a_session_holds_the_job(server: tuple[Sts, str]) -> None:
    """In its name and external id, for CloudTrail and for trust policies; and may read the job's source alone."""
    await open_sts(server[1], CLOCK, external_id="{job_arn}").assume(JOB)

    (session,) = server[0].sessions
    assert session.asked["RoleSessionName"] == f"outcrop-{JOB.id}"
    assert session.asked["ExternalId"] == JOB.arn
    assert session.asked["DurationSeconds"] == "900"
    assert "SourceIdentity" not in session.asked
    assert "arn:aws:s3:::models/team a/*" in json.dumps(json.loads(session.asked["Policy"]))


async def test_a_trust_policy_may_ask_for_the_account_of_the_job(server: tuple[Sts, str]) -> None:
    """What aws:SourceArn does on AWS (SPEC 6.1.2) is a condition on sts:ExternalId here."""
    sts, url = server
    broker = open_sts(url, CLOCK, external_id="{job_arn}")
    sts.roles[ROLE] = Role(external_id="arn:aws:bedrock:us-east-1:000000000000:model-import-job/*")
    await broker.assume(JOB)
    sts.roles[ROLE] = Role(external_id="arn:aws:bedrock:us-east-1:111111111111:model-import-job/*")

    with pytest.raises(RoleRefusedError):
        await broker.assume(JOB)


async def test_a_fixed_external_id_and_a_source_identity(server: tuple[Sts, str]) -> None:
    """Where a trust policy asks for them."""
    sts, url = server
    sts.roles[ROLE] = Role(external_id="shared words", takes_source_identity=True)

    await open_sts(url, CLOCK, external_id="shared words", source_identity="{account}").assume(JOB)

    assert sts.sessions[0].asked["SourceIdentity"] == "000000000000"


async def test_an_sts_that_takes_no_policy_gives_sessions_without(server: tuple[Sts, str]) -> None:
    """It is told once for each policy, and not tried again for every import."""
    sts, url = server
    sts.roles[ROLE] = Role(takes_policies=False)
    broker = open_sts(url, CLOCK)

    with capture_logs() as events:
        await broker.assume(JOB)
        await broker.assume(sample_job(2))

    assert [event["event"] for event in events] == ["session_policy_refused"] * 2 + ["role_assumed"] * 2
    assert all("Policy" not in session.asked for session in sts.sessions)


async def test_a_session_need_not_be_narrowed(server: tuple[Sts, str]) -> None:
    """For stores that take a policy and do not obey it."""
    await open_sts(server[1], CLOCK, is_narrowed=False).assume(JOB)

    assert "Policy" not in server[0].sessions[0].asked


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchEntity", "ValidationError", "SomethingNew"])
async def test_what_is_wrong_with_a_role_is_told_in_the_log(server: tuple[Sts, str], code: str) -> None:
    """The error has the code; the sentence, which names the server's principal, is the operator's."""
    server[0].failures = [(403, "text/xml", error_xml(code, "User: server may not"))]

    with capture_logs() as events, pytest.raises(RoleRefusedError) as refused:
        await open_sts(server[1], CLOCK).assume(JOB)

    assert code in str(refused.value)
    assert "User: server" not in str(refused.value)
    (event,) = events
    assert (event["event"], event["role_arn"], event["reason"]) == ("role_refused", ROLE, "User: server may not")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((403, error_xml(code)) for code in sorted(OURS)),
        *((400, error_xml(code)) for code in sorted(AWAY | NO_STS)),
        (429, error_xml("Odd")),
        (500, error_xml("InternalFailure")),
        (405, "<Error><Code>MethodNotAllowed</Code></Error>"),
        (501, ""),
        (200, ""),
        (200, "{}"),
        (200, "<html><body>Log in</body></html>"),
        (200, "<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>"),
        (200, HALF),
    ],
)
async def test_what_is_not_about_the_role_is_no_verdict_on_it(server: tuple[Sts, str], status: int, body: str) -> None:
    """Neither the server's own credentials, nor a store without STS, nor an answer that is none."""
    server[0].failures = [(status, "text/xml", body)]

    with pytest.raises(UnavailableError, match=r"STS at http://127\.0\.0\.1"):
        await open_sts(server[1], CLOCK).assume(JOB)


async def test_a_session_that_has_ended_already_is_told_as_a_matter_of_clocks(server: tuple[Sts, str]) -> None:
    """Otherwise every request would ask for another."""
    late = FakeClock()
    late.advance(7200)

    with pytest.raises(UnavailableError, match="clock"):
        await open_sts(server[1], late).assume(JOB)


async def test_no_credentials_of_the_servers_are_told() -> None:
    """The operator's to mend, and not the caller's role."""
    session = botocore.session.Session()
    session.get_component("credential_provider").providers.clear()
    broker = StsRoles(boto3.Session(botocore_session=session), SessionRules(duration_s=900), CLOCK)

    with pytest.raises(UnavailableError, match="no AWS credentials"):
        await broker.assume(JOB)


async def test_a_server_key_that_sts_does_not_know_is_ours(server: tuple[Sts, str]) -> None:
    """Signatures are checked at the other end."""
    session = boto3.Session(aws_access_key_id="AKIAOTHER", aws_secret_access_key="x", region_name="us-east-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_STS", server[1])
        broker = StsRoles(session, SessionRules(duration_s=900), CLOCK)

    with pytest.raises(UnavailableError, match="server's own credentials"):
        await broker.assume(JOB)


async def test_a_role_that_no_client_would_send_is_refused(server: tuple[Sts, str]) -> None:
    """What is sent is held against the model of STS."""
    job = replace(JOB, request=replace(JOB.request, role_arn="arn:aws:iam::"))

    with pytest.raises(RoleRefusedError):
        await open_sts(server[1], CLOCK).assume(job)


def test_every_error_of_sts_is_one_or_the_other() -> None:
    """The errors that AWS's model declares for AssumeRole, held against the tables."""
    model = botocore.session.get_session().get_service_model("sts").operation_model("AssumeRole")
    declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}

    assert declared == {
        "MalformedPolicyDocument",
        "PackedPolicyTooLarge",
        "RegionDisabledException",
        "ExpiredTokenException",
    }
    assert declared <= OURS | AWAY | POLICY_REFUSED
