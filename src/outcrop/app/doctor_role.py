"""`outcrop doctor --role-arn`: assumes a role as an import would; the store is then examined with its session."""

from __future__ import annotations

import boto3

from outcrop.adapters.outbound import DEFAULT
from outcrop.app.roles import ambient_notice, roles_by
from outcrop.arn import Tenant
from outcrop.doctor.outcomes import Outcome, ok, skipped, wrong
from outcrop.errors import RoleRefusedError, SettingError, UnavailableError
from outcrop.ports import Clock
from outcrop.records import ImportJob, ImportRequest, Progress, RoleCredentials, SourceLocation, Stage, StageEntry
from outcrop.settings import Settings


async def examine_role(
    role_arn: str, location: SourceLocation, settings: Settings, clock: Clock
) -> tuple[Outcome, RoleCredentials | None]:
    """Returns what came of assuming the role for a source, and the session's credentials if there is one."""
    notice = ambient_notice(settings)
    if notice is not None:
        return skipped("role", f"{notice}."), None
    try:
        open_broker = roles_by(settings, clock)
        if open_broker is None:
            return skipped("role", "Roles are not assumed."), None
        assumed = await open_broker(DEFAULT).assume(_job(role_arn, location, settings, clock))
    except RoleRefusedError as error:
        cure = "Let its trust policy allow sts:AssumeRole to the principal whose credentials the server has."
        return wrong("role", f"The role {role_arn} cannot be assumed: {error.code}.", cure), None
    except UnavailableError as error:
        cure = "Correct AWS_ENDPOINT_URL_STS, AWS_REGION or the server's credentials; without an STS: --roles ambient."
        return wrong("role", f"{error}.", cure), None
    except SettingError as error:
        return wrong("role", str(error), f"Correct {error.setting}."), None
    return ok("role", f"The role {role_arn} can be assumed, until {assumed.expires_at:%H:%M:%S %Z}."), assumed


def session_of(credentials: RoleCredentials) -> boto3.Session:
    """Returns a session that signs with these credentials alone."""
    return boto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
    )


def _job(role_arn: str, location: SourceLocation, settings: Settings, clock: Clock) -> ImportJob:
    """What sessions are named and narrowed by: an import that is never created."""
    now = clock.now()
    return ImportJob(
        id="doctor000000",
        tenant=Tenant(account=settings.account, region=settings.region),
        request=ImportRequest(
            job_name="doctor", imported_model_name="doctor", role_arn=role_arn, source_uri=str(location)
        ),
        model_id="doctor000000",
        key_arn="",
        stage=Stage.QUEUED,
        created_at=now,
        modified_at=now,
        progress=Progress(entries=(StageEntry(stage=Stage.QUEUED, at=now),)),
    )
