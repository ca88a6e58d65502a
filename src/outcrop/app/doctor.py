"""What `outcrop doctor` runs: a store layer by layer if one is named, the role, and this machine and its settings."""

from __future__ import annotations

from outcrop.adapters.clock_system import SystemClock
from outcrop.app.doctor_machine import examine_machine
from outcrop.doctor.outcomes import Outcome
from outcrop.errors import SourceMissingError
from outcrop.records import SourceLocation
from outcrop.settings import Settings, upstream_environment


async def examine(target: str | None, settings: Settings, *, endpoint_url: str | None) -> list[Outcome]:
    """Returns the outcome of each check, in the order in which they were made.

    Args:
        target: an s3:// address, or None.
        settings: as the server would have them.
        endpoint_url: where the store is; None: as the AWS variables and profile say.

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

        from outcrop.app.doctor_store import examine_store  # noqa: PLC0415

        outcomes += await examine_store(
            location, endpoint_url=endpoint_url, open_session=boto3.Session, environment=environment, clock=clock
        )
    outcomes += await examine_machine(settings, environment=environment, clock=clock)
    return outcomes
