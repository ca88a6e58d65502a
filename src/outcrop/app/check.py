"""What `outcrop check` runs: the plan and check stages of an import, without the import."""

from __future__ import annotations

from outcrop.app.host import checking_host
from outcrop.app.sources import open_target
from outcrop.artifact.examine import examine
from outcrop.artifact.report import Report
from outcrop.imports.inspection import inspect
from outcrop.imports.plan import plan
from outcrop.settings import Settings, upstream_environment


async def examine_target(target: str, settings: Settings) -> Report:
    """Reads what the rules need of a model at an s3:// address or in a folder, and judges it.

    Raises:
        SourceMissingError, SourceDeniedError, SourceUnusableError, UnavailableError: it could not be read.
    """
    store, location = open_target(target, upstream_environment())
    objects = await plan(store, location)
    return examine(await inspect(store, objects, location.prefix), host=checking_host(settings))
