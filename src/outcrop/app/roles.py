"""Whether roles are assumed, and by whom: from settings to the RoleBroker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from outcrop.errors import SettingError
from outcrop.ports import Clock, RoleBroker
from outcrop.settings import Settings

if TYPE_CHECKING:
    from outcrop.adapters.outbound import Outbound

log = structlog.get_logger()


def assumes_roles(settings: Settings) -> bool:
    """Says whether each import reads with its `roleArn`: as the setting says, else where an STS can be known.

    Without the setting, folders as buckets have no roles. A store has an STS when an endpoint is configured for it
    (`AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`, or a profile's), and AWS's own S3 has AWS's.
    """
    if settings.roles:
        return settings.roles == "sts"
    if settings.buckets is not None:
        return False
    return _configured_endpoint("sts") is not None or _configured_endpoint("s3") is None


def ambient_notice(settings: Settings) -> str | None:
    """Returns what start-up says where roles are not assumed; None where they are."""
    if assumes_roles(settings):
        return None
    if settings.buckets is not None:
        return "roles are not assumed: buckets are folders, which the server reads as itself (--roles ambient)"
    return "roles are not assumed: S3 is read with the server's own credentials for every roleArn (--roles ambient)"


def roles_by(settings: Settings, clock: Clock) -> Callable[[Outbound], RoleBroker] | None:
    """Returns who assumes roles, by the way out to STS; None where nobody does, which start-up tells.

    Raises:
        SettingError: what the AWS variables and profiles say of STS cannot work.
    """
    notice = ambient_notice(settings)
    if notice is not None:
        log.warning("roles_ambient", meaning=notice)
        return None
    # boto3 takes 0.2 s to import, which a server on folders need not pay.
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from outcrop.adapters.outbound import DEFAULT  # noqa: PLC0415
    from outcrop.adapters.roles_sts import SessionRules, StsRoles  # noqa: PLC0415

    rules = SessionRules(
        duration_s=settings.role_session_s,
        external_id=settings.role_external_id,
        source_identity=settings.role_source_identity,
        is_narrowed=settings.role_session_policy == "source",
    )
    try:
        session = boto3.Session()
        server_way = StsRoles(session, rules, clock)
    except (BotoCoreError, ValueError) as error:
        raise SettingError("--roles", f"there is no STS to be asked: {error}") from error
    log.info("roles_assumed", sts=server_way.endpoint)
    return lambda way: server_way if way is DEFAULT else StsRoles(session, rules, clock, outbound=way)


def _configured_endpoint(service: str) -> str | None:
    """Returns the endpoint that the AWS variables and profiles name for a service; None leaves AWS's own."""
    import botocore.session  # noqa: PLC0415
    from botocore.configprovider import ConfiguredEndpointProvider  # noqa: PLC0415
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415

    session = botocore.session.Session()
    try:
        if session.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        profile = session.get_scoped_config()
    except ProfileNotFound as error:
        raise SettingError("AWS_PROFILE", str(error)) from error
    found: str | None = ConfiguredEndpointProvider(
        full_config=session.full_config, scoped_config=profile, client_name=service
    ).provide()
    return found
