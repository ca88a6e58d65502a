"""What `outcrop doctor` runs: a store layer by layer if one is named, the role, and this machine and its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from outcrop.adapters.clock_system import SystemClock
from outcrop.app.doctor_machine import examine_machine
from outcrop.doctor.outcomes import Outcome, State
from outcrop.errors import SourceMissingError
from outcrop.records import SourceLocation
from outcrop.settings import Settings, upstream_environment

if TYPE_CHECKING:
    from outcrop.app.doctor_store import OpenSession


async def examine(
    target: str | None, settings: Settings, *, endpoint_url: str | None, role_arn: str | None
) -> list[Outcome]:
    """Returns the outcome of each check, in the order in which they were made.

    Args:
        target: an s3:// address, or None.
        settings: as the server would have them.
        endpoint_url: where the store is; None: as the AWS variables and profile say.
        role_arn: the role that the store is read with; None: the server's own credentials.

    Raises:
        SourceMissingError: the target is no s3:// address with a bucket.
    """
    clock, environment = SystemClock(), upstream_environment()
    outcomes: list[Outcome] = []
    if target is not None:
        location = SourceLocation.parse(target)
        if not target.startswith("s3://") or not location.bucket:
            raise SourceMissingError(f"{target} is no address of a bucket. Name one as s3://BUCKET/PREFIX.")
        # boto3 takes 0.2 s to import, which examining the machine need not pay.
        import boto3  # noqa: PLC0415

        from outcrop.app.doctor_store import examine_store, not_looked_at  # noqa: PLC0415

        open_session: OpenSession = boto3.Session
        if role_arn is not None:
            from outcrop.app.doctor_role import examine_role, session_of  # noqa: PLC0415

            outcome, credentials = await examine_role(role_arn, location, settings, clock)
            outcomes.append(outcome)
            if credentials is not None:
                open_session = partial(session_of, credentials)
        if outcomes and outcomes[0].state is State.WRONG:
            outcomes += not_looked_at(outcomes[0])
        else:
            outcomes += await examine_store(
                location, endpoint_url=endpoint_url, open_session=open_session, environment=environment, clock=clock
            )
    outcomes += await examine_machine(settings, environment=environment, clock=clock)
    return outcomes
