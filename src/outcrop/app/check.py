"""What `outcrop check` runs: the plan and check stages of an import, without the import."""

from __future__ import annotations

import asyncio
import importlib

from outcrop.app.host import checking_host
from outcrop.app.sources import open_target
from outcrop.artifact.examine import examine
from outcrop.artifact.report import Report
from outcrop.artifact.selection import Selection, select
from outcrop.imports.inspection import inspect
from outcrop.imports.plan import plan
from outcrop.settings import Settings, upstream_environment


async def examine_target(target: str, settings: Settings) -> tuple[Report, Selection]:
    """Reads what the rules need of a model at an s3:// address or in a folder, and judges it and each of its files.

    Raises:
        SourceMissingError, SourceDeniedError, SourceUnusableError, UnavailableError: it could not be read.
    """
    store, location = open_target(target, upstream_environment())
    loading = asyncio.create_task(asyncio.to_thread(_load_what_rules_use))
    objects = await plan(store, location)
    snapshot = await inspect(store, objects, location.prefix)
    await loading
    return examine(snapshot, host=checking_host(settings)), select(snapshot)


def _load_what_rules_use() -> None:
    """Imports, while the store is waited for, what the rules import once they need it: a tenth of a second."""
    for name in ("tokenizers", "outcrop.artifact.rendering"):
        importlib.import_module(name)
